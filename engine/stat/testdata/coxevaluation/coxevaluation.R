# How good the risks of a Cox model are at one time, on the pooled rows of ../../../../testdata.
# R >= 4.1 with survival and riskRegression (Debian: r-cran-riskregression). Run from this folder:
#   Rscript coxevaluation.R > coxevaluation.csv
suppressMessages({library(survival); library(riskRegression)})
options(warn = -1)
read <- function(set, sites) do.call(rbind, lapply(sites, function(s) read.csv(file.path("../../../../testdata", set, paste0(s, ".csv")))))
lung <- read("lung", c("c1", "c2", "c3", "c4", "c5"))
lung$sex <- factor(lung$sex, c("male", "female"))
breast <- read("rotterdam_gbsg", c("rotterdam", "gbsg"))
breast$size <- factor(breast$size, c("<=20", "20-50", ">50"))
aids <- read("aids2", c("nsw", "qld", "vic", "other"))
aids$sex <- factor(aids$sex, c("male", "female"))
cat("#", R.version.string, "\n")
cat("analysis,row,key,value\n")
put <- function(id, row, key, x) cat(sprintf("%s,%s,%s,%s\n", id, row, key, ifelse(is.finite(x), sprintf("%.17g", x), "null")), sep = "")

evaluate <- function(id, f, data, at, bins, thresholds = NULL, ties = "efron") {
  data <- data[complete.cases(data[, all.vars(f)]), ]
  m <- coxph(f, data, ties = ties, eps = 1e-14, toler.chol = 1e-15, x = TRUE)
  risk <- 1 - as.vector(summary(survfit(m, newdata = data), times = at)$surv)
  time <- data[[all.vars(f)[1]]]; event <- data[[all.vars(f)[2]]]; n <- length(time)
  all <- summary(survfit(Surv(time, event) ~ 1, conf.type = "log-log"), times = at)
  put(id, "glance", "n_event", sum(time <= at & event == 1)); put(id, "glance", "n_risk", sum(time > at))
  put(id, "glance", "mean_predicted", mean(risk)); put(id, "glance", "observed_risk", 1 - all$surv)
  put(id, "glance", "observed_low", 1 - all$upper); put(id, "glance", "observed_high", 1 - all$lower)
  put(id, "glance", "observed_expected", (1 - all$surv) / mean(risk))
  ## classes of equally many people
  limits <- unique(quantile(risk, 0:bins / bins)); class <- as.integer(cut(risk, limits, include.lowest = TRUE))
  for (k in seq_along(limits)[-1] - 1) {
    i <- class == k
    s <- summary(survfit(Surv(time[i], event[i]) ~ 1, conf.type = "log-log"), times = at, extend = TRUE)
    put(id, k, "n", sum(i)); put(id, k, "n_event", sum(time[i] <= at & event[i] == 1)); put(id, k, "mean_predicted", mean(risk[i]))
    put(id, k, "observed", 1 - s$surv); put(id, k, "conf_low", 1 - s$upper); put(id, k, "conf_high", 1 - s$lower)
  }
  ## area under the curve and Brier score
  x <- Score(list(model = matrix(risk)), Surv(time, event) ~ 1, data.frame(time, event), times = at, cens.model = "km", metrics = c("AUC", "Brier"), summary = "ipa", conservative = TRUE)
  put(id, "glance", "auc", x$AUC$score$AUC); put(id, "glance", "auc_std_error", x$AUC$score$se)
  b <- as.data.frame(x$Brier$score)
  put(id, "glance", "brier_null", b$Brier[b$model == "Null model"])
  put(id, "glance", "brier", b$Brier[b$model == "model"]); put(id, "glance", "brier_std_error", b$se[b$model == "model"]); put(id, "glance", "ipa", b$IPA[b$model == "model"])
  ## slope and intercept: the event by then on log(-log S), with the same weights
  g <- prodlim::prodlim(prodlim::Hist(time, event) ~ 1, reverse = TRUE)
  before <- prodlim::predictSurvIndividual(g, lag = 1) # in the order of the rows by time
  w <- numeric(n); w[order(time, -event)] <- 1 / before
  w <- ifelse(time > at, 1 / predict(g, times = at), ifelse(event == 1, w, 0))
  y <- as.numeric(time <= at & event == 1); h <- log(-log(1 - risk)); u <- w > 0
  first <- glm(y ~ h, quasibinomial("cloglog"), weights = w, subset = u, epsilon = 1e-14, maxit = 100)
  b <- coef(first)
  for (i in 1:20) { # Newton's method on the log-likelihood, to the last digit
    e <- exp(drop(cbind(1, h) %*% b)); p <- -expm1(-e)
    s <- w * ifelse(y == 1, e * exp(-e) / p, -e); v <- w * ifelse(y == 1, e * exp(-e) * (e - p) / p^2, e)
    x <- cbind(1, h); b <- b + solve(crossprod(x, v * x), crossprod(x, s))
  }
  stopifnot(max(abs(b - coef(first))) < 1e-6)
  put(id, "glance", "intercept", b[1]); put(id, "glance", "slope", b[2])
  ## net benefit with censoring (Vickers, Cronin, Elkin and Gonen 2008)
  for (t in thresholds) {
    i <- risk >= t
    s <- summary(survfit(Surv(time[i], event[i]) ~ 1), times = at, extend = TRUE)$surv
    put(id, t, "n_treated", sum(i)); put(id, t, "true_positives", (1 - s) * sum(i)); put(id, t, "false_positives", s * sum(i))
    put(id, t, "net_benefit", (1 - s) * mean(i) - s * mean(i) * t / (1 - t)); put(id, t, "treat_all", 1 - all$surv - all$surv * t / (1 - t))
  }
}
evaluate("ties", Surv(time, death) ~ sex + ph_ecog, lung, 365, 5, c(0.3, 0.5, 0.7))
evaluate("lung", Surv(time, death) ~ age + sex + ph_karno, lung, 200, 10, c(0.2, 0.3, 0.4))
evaluate("strata", Surv(time, death) ~ age + ph_karno + strata(sex), lung, 365, 4, c(0.45, 0.6))
evaluate("breast", Surv(rfstime, rfs) ~ age + size + nodes + hormon, breast, 1825, 10, c(0.2, 0.4, 0.6), "breslow")
evaluate("aids", Surv(time, dead) ~ age + sex, aids, 365, 6, c(0.4, 0.5))
