# Cross-validation of Cox models with strata(site), on the folds of folds.csv (what stat.Folds gives): R with survival. Run from this folder:
#   Rscript cox.R > cox.csv
library(survival)
options(warn = -1)
dealt <- read.csv("folds.csv", comment.char = "#")
cat("#", R.version.string, "\n")
cat("analysis,table,row,key,value\n")
put <- function(id, row, key, x) cat(sprintf('%s,cross_validation,"%s",%s,%.17g\n', id, row, key, x), sep = "")
read <- function(set, sites) do.call(rbind, lapply(sites, function(s) cbind(read.csv(file.path("../../../../testdata", set, paste0(s, ".csv"))), site = s)))

# y: Surv; x: columns of the model; o: offset; s: strata, site first
cross <- function(id, y, x, s, o = rep(0, nrow(x)), ties = "efron") {
  fold <- rep(NA, nrow(x))
  for (h in unique(s$site)) fold[s$site == h] <- as.integer(strsplit(dealt$fold[dealt$analysis == id & dealt$site == h], " ")[[1]])
  stopifnot(!anyNA(fold))
  x <- sweep(x, 2, colMeans(x)); st <- interaction(s, drop = TRUE)
  fit <- function(keep, ...) coxph(y[keep, ] ~ x[keep, , drop = FALSE] + offset(o[keep]) + strata(st[keep]), ties = ties, eps = 1e-14, iter.max = 100, ...)
  at <- function(keep, b) coxph(y[keep, ] ~ x[keep, , drop = FALSE] + offset(o[keep]) + strata(st[keep]), ties = ties, init = b, iter.max = 0)$loglik[2]
  all <- rep(TRUE, nrow(x)); whole <- fit(all); lp <- rep(0, nrow(x)); cv <- c(0, 0); none <- rep(0, ncol(x))
  for (k in sort(unique(fold))) {
    b <- coef(fit(fold != k)); lp[fold == k] <- (drop(x %*% b) + o)[fold == k]
    cv <- cv + c(at(all, b) - at(fold != k, b), at(all, none) - at(fold != k, none))
  }
  for (m in list(list("apparent", drop(x %*% coef(whole)) + o, whole$loglik[2:1]), list("cross-validated", lp, cv))) {
    c <- concordance(y ~ m[[2]] + strata(st), reverse = TRUE)
    put(id, m[[1]], "concordance", c$concordance); put(id, m[[1]], "concordance_std_error", sqrt(c$var)); put(id, m[[1]], "log_lik", m[[3]][1]); put(id, m[[1]], "log_lik_gain", m[[3]][1] - m[[3]][2])
    put(id, m[[1]], "concordance_low", max(0, c$concordance - qnorm(0.975) * sqrt(c$var)))
  }
  z <- coxph(y ~ lp + strata(st), ties = ties, eps = 1e-14, iter.max = 100)
  put(id, "cross-validated", "slope", coef(z)); put(id, "cross-validated", "slope_std_error", sqrt(vcov(z)))
}

lung <- read("lung", c("c1", "c2", "c3", "c4", "c5"))
lung$female <- as.numeric(lung$sex == "female")
complete <- lung[!is.na(lung$ph_ecog), ]
cross("lung", Surv(complete$time, complete$death), as.matrix(complete[, c("age", "female", "ph_ecog")]), complete["site"])
cross("lung_strata", Surv(lung$time, lung$death), as.matrix(lung["age"]), lung[c("site", "sex")], ties = "breslow")
cross("lung_offset", Surv(lung$time, lung$death), as.matrix(lung["female"]), lung["site"], lung$age / 50)
d <- read("rotterdam_gbsg", c("rotterdam", "gbsg"))
d$size <- factor(d$size, c("<=20", "20-50", ">50")); d$grade <- factor(d$grade, 1:3)
cross("gbsg", Surv(d$rfstime, d$rfs), model.matrix(~ age + meno + size + grade + nodes + hormon, d)[, -1], d["site"])
entry <- c(0, 0, 1, 2, 2, 3, 0, 4, 5, 1, 6, 0, 2, 1, 0, 3)
time <- c(2, 3, 4, 4, 6, 7, 8, 8, 9, 9, 10, 12, 5, 4, 6, 9)
event <- c(1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0)
cross("entries", Surv(entry, time, event), cbind(x = c(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3)), data.frame(site = rep("one", 16)))
