# What further regressions give, on the pooled rows of ../../../../testdata. R >= 4.1 with MASS, survival,
# car, sandwich, lmtest, metafor and brglm2 (Debian: r-cran-car r-cran-sandwich r-cran-lmtest r-cran-metafor r-cran-brglm2). Run from this folder:
#   Rscript regressions.R > regressions.csv
suppressMessages({library(MASS); library(survival)})
options(warn = -1)
read <- function(set, sites) do.call(rbind, lapply(sites, function(s) cbind(read.csv(file.path("../../../../testdata", set, paste0(s, ".csv"))), site = s)))
birthwt <- read("birthwt", c("north", "centre", "south"))
birthwt$race <- factor(birthwt$race, c("white", "black", "other"))
hospitals <- c("nih", "amsterdam", "scripps", "zurich", "mott_childrens", "la_childrens", "texas_childrens", "minnesota", "copenhagen", "harvard", "mt_sinai", "utah", "washington")
cgd <- read("cgd", hospitals)
cgd$site <- factor(cgd$site, hospitals)
cgd$treat <- factor(cgd$treat, c("placebo", "interferon"))
cgd$inherit <- factor(cgd$inherit, c("x_linked", "autosomal"))
cgd$sex <- factor(cgd$sex, c("male", "female"))
lung <- read("lung", c("c1", "c2", "c3", "c4", "c5"))
lung$sex <- factor(lung$sex, c("male", "female"))
cat("#", R.version.string, "\n")
cat("analysis,table,row,key,value\n")
put <- function(id, table, row, key, x) cat(sprintf('%s,%s,"%s",%s,%s\n', id, table, row, key, ifelse(is.finite(x), sprintf("%.17g", x), "null")), sep = "")
# glm stops when the deviance does, half the digits of the estimates short
exact <- function(f, family, data) {
  m <- glm(f, family, data, epsilon = 1e-14, maxit = 100)
  suppressWarnings(glm(f, family, data, start = coef(m), epsilon = 1e-300, maxit = 3))
}

## vif
vif <- function(id, m) {
  v <- car::vif(m)
  if (is.null(dim(v))) v <- cbind(v, 1, sqrt(v))
  for (t in rownames(v)) { put(id, "vif", t, "gvif", v[t, 1]); put(id, "vif", t, "df", v[t, 2]); put(id, "vif", t, "gvif_root", v[t, 3]) }
}
vif("vif_linear", lm(bwt ~ age + lwt + race + smoke + ptl, birthwt))
vif("vif_logistic", exact(low ~ age + lwt * smoke + race, binomial, birthwt))
vif("vif_poisson", exact(infections ~ treat + age + weight + offset(log(days)), poisson, cgd))
vif("vif_cox", coxph(Surv(time, death) ~ age + sex + ph_ecog, lung, eps = 1e-14))

## robust and clustered standard errors
robust <- function(id, m, v, df = Inf) {
  se <- sqrt(diag(v)); z <- coef(m) / se
  for (t in names(coef(m))) {
    put(id, "tidy", t, "estimate", coef(m)[t]); put(id, "tidy", t, "std_error", se[t])
    put(id, "tidy", t, "p_value", 2 * pt(-abs(z[t]), df)); put(id, "tidy", t, "conf_high", coef(m)[t] + qt(0.975, df) * se[t])
    for (u in names(coef(m))) put(id, "vcov", t, u, v[t, u])
  }
}
lm1 <- lm(bwt ~ age + lwt * smoke + race, birthwt)
lm2 <- lm(log(weight) ~ 0 + treat + height + log(age + 1), cgd)
glm1 <- exact(low ~ age + lwt + race + ht, binomial, birthwt)
pois1 <- exact(infections ~ treat + age + weight + inherit + offset(log(days)), poisson, cgd)
for (hc in c("HC0", "HC1", "HC2", "HC3")) {
  robust(paste0("linear_", tolower(hc)), lm1, sandwich::vcovHC(lm1, hc), lm1$df.residual)
  robust(paste0("logistic_", tolower(hc)), glm1, sandwich::vcovHC(glm1, hc))
  robust(paste0("poisson_", tolower(hc)), pois1, sandwich::vcovHC(pois1, hc))
}
robust("linear_origin_hc3", lm2, sandwich::vcovHC(lm2, "HC3"), lm2$df.residual)
lm3 <- lm(weight ~ treat + age + sex, cgd)
glm3 <- exact(infection ~ treat + age + weight, binomial, cgd)
robust("linear_cluster", lm3, sandwich::vcovCL(lm3, cgd$site), lm3$df.residual)
robust("logistic_cluster", glm3, sandwich::vcovCL(glm3, cgd$site))
robust("poisson_cluster", pois1, sandwich::vcovCL(pois1, cgd$site))

## likelihood-ratio tests, the smaller model on the rows of the larger
lr <- function(id, a, b) {
  x <- 2 * as.numeric(logLik(b) - logLik(a)); df <- length(coef(b)) - length(coef(a))
  put(id, "glance", "", "statistic", x); put(id, "glance", "", "df", df); put(id, "glance", "", "p_value", pchisq(x, df, lower.tail = FALSE))
  put(id, "tidy", "a", "log_lik", as.numeric(logLik(a))); put(id, "tidy", "b", "log_lik", as.numeric(logLik(b)))
  stopifnot(all.equal(x, lmtest::lrtest(a, b)$Chisq[2]))
}
lm4 <- lm(bwt ~ age + smoke, birthwt); lm5 <- lm(bwt ~ age + smoke * race, birthwt)
lr("lr_linear", lm4, lm5)
an <- anova(lm4, lm5)
put("lr_linear", "glance", "", "f_statistic", an$F[2]); put("lr_linear", "glance", "", "f_p", an$`Pr(>F)`[2])
lr("lr_logistic", exact(low ~ lwt - 1, binomial, birthwt), exact(low ~ 0 + race + lwt + ht, binomial, birthwt))
lr("lr_poisson", exact(infections ~ treat + offset(log(days)), poisson, cgd), exact(infections ~ treat * age + offset(log(days)), poisson, cgd))
same <- lung[complete.cases(lung[, c("time", "death", "sex", "ph_ecog", "wt_loss")]), ]
stopifnot(nrow(same) < nrow(lung))
lr("lr_cox", coxph(Surv(time, death) ~ sex, same, eps = 1e-14), coxph(Surv(time, death) ~ sex + ph_ecog + wt_loss, same, eps = 1e-14))

## heterogeneity between hospitals
between <- function(id, data, fit, term) {
  own <- lapply(split(data, data$site), function(d) { m <- fit(d); c(coef(m)[term], sqrt(diag(vcov(m)))[term]) })
  b <- sapply(own, `[`, 1); se <- sapply(own, `[`, 2)
  dl <- metafor::rma(yi = b, sei = se, method = "DL"); fe <- metafor::rma(yi = b, sei = se, method = "FE")
  for (x in list(list("fixed effect", fe), list("random effects", dl))) {
    put(id, "tidy", x[[1]], "estimate", x[[2]]$beta); put(id, "tidy", x[[1]], "std_error", x[[2]]$se); put(id, "tidy", x[[1]], "p_value", x[[2]]$pval)
    put(id, "tidy", x[[1]], "conf_low", x[[2]]$ci.lb)
  }
  put(id, "glance", "", "q", dl$QE); put(id, "glance", "", "q_p", dl$QEp); put(id, "glance", "", "i_squared", dl$I2); put(id, "glance", "", "tau_squared", dl$tau2)
  put(id, "glance", "", "hospitals", length(b))
  if (grepl("shown", id)) for (s in names(own)) { put(id, "tidy", s, "estimate", own[[s]][1]); put(id, "tidy", s, "std_error", own[[s]][2]); put(id, "tidy", s, "weight", weights(dl)[match(s, names(own))] / 100) }
}
between("between_linear", cgd, function(d) lm(weight ~ age + height, d), "age")
between("between_linear_shown", cgd, function(d) lm(weight ~ age + height, d), "age")
between("between_logistic", lung, function(d) exact(death ~ age + ph_karno, binomial, d), "ph_karno")
between("between_logistic_shown", birthwt, function(d) exact(low ~ smoke + lwt, binomial, d), "smoke")
between("between_poisson_shown", birthwt, function(d) exact(ftv ~ age + smoke, poisson, d), "age")
between("between_cox", lung, function(d) coxph(Surv(time, death) ~ age + sex, d, eps = 1e-14), "age")

## Mantel-Haenszel over strata, and whether they share an odds ratio (Breslow and Day, IARC 32, 1980; Tarone, Biometrika 1985;72:91)
mantel <- function(id, x) {
  x <- x[, , apply(x, 3, sum) > 1, drop = FALSE]
  m <- mantelhaen.test(x); u <- mantelhaen.test(x, correct = FALSE)
  g <- c(cmh_statistic = m$statistic[[1]], cmh_p = m$p.value, cmh_statistic_uncorrected = u$statistic[[1]], cmh_p_uncorrected = u$p.value,
         cmh_odds_ratio = m$estimate[[1]], cmh_low = m$conf.int[1], cmh_high = m$conf.int[2], strata = dim(x)[3])
  full <- apply(x, 3, function(t) all(rowSums(t) > 0) && all(colSums(t) > 0))
  d <- apply(x[, , full, drop = FALSE], 3, function(t) {
    r <- sum(t[1, ]); k <- sum(t[, 1]); n <- sum(t)
    e <- uniroot(function(a) log(a) + log(n - r - k + a) - log(r - a) - log(k - a) - log(m$estimate), c(max(0, r + k - n), min(r, k)) + c(1, -1) * 1e-9, tol = 1e-15)$root
    for (i in 1:3) e <- e - (log(e) + log(n - r - k + e) - log(r - e) - log(k - e) - log(m$estimate[[1]])) / (1 / e + 1 / (n - r - k + e) + 1 / (r - e) + 1 / (k - e))
    c(t[1, 1] - e, 1 / (1 / e + 1 / (n - r - k + e) + 1 / (r - e) + 1 / (k - e)))
  })
  g["breslow_day"] <- sum(d[1, ]^2 / d[2, ]); g["breslow_day_df"] <- sum(full) - 1
  g["tarone"] <- g["breslow_day"] - sum(d[1, ])^2 / sum(d[2, ])
  g["breslow_day_p"] <- pchisq(g["breslow_day"], sum(full) - 1, lower.tail = FALSE); g["tarone_p"] <- pchisq(g["tarone"], sum(full) - 1, lower.tail = FALSE)
  for (k in names(g)) put(id, "glance", "", k, g[k])
}
mantel("mantel", with(birthwt, table(smoke, low, race)))
mantel("mantel_two", with(birthwt, table(smoke, low, interaction(race, ui))))
mantel("mantel_site", with(cgd, table(treat, infection, site)))
mantel("mantel_site_race", with(birthwt, table(smoke, low, interaction(race, site))))

## Firth's penalised likelihood: brglm2's mean bias reduction is the same for the logit link
firth <- function(id, f, data) {
  m <- glm(f, binomial, data, method = brglm2::brglmFit, type = "AS_mean", epsilon = 1e-13, maxit = 2000)
  x <- model.matrix(m); y <- m$y; o <- if (is.null(m$offset)) 0 else m$offset; b <- coef(m)
  for (i in 1:200) {
    p <- plogis(drop(x %*% b) + o); w <- p * (1 - p); v <- solve(crossprod(x * sqrt(w)))
    b <- b + drop(v %*% crossprod(x, y - p + rowSums((x %*% v) * x) * w * (0.5 - p)))
  }
  stopifnot(max(abs(b - coef(m)) / sqrt(diag(v))) < 1e-5)
  se <- sqrt(diag(v))
  for (t in names(b)) {
    put(id, "tidy", t, "estimate", b[t]); put(id, "tidy", t, "std_error", se[t]); put(id, "tidy", t, "odds_low", exp(b[t] - qnorm(0.975) * se[t]))
    put(id, "tidy", t, "p_value", 2 * pnorm(-abs(b[t] / se[t])))
  }
  d <- -2 * sum(dbinom(y, 1, p, log = TRUE))
  put(id, "glance", "", "deviance", d); put(id, "glance", "", "log_lik_penalized", -d / 2 - determinant(v)$modulus[1] / 2)
}
firth("firth", low ~ age + lwt + race + smoke, birthwt)
firth("firth_separated", low ~ I(bwt / 100) + smoke, birthwt)
firth("firth_offset", infection ~ treat * sex + offset(log(days) / 2) - 1, cgd)

## negative binomial: glm.nb, iterated on until nothing moves
negbin <- function(id, f, data) {
  m <- glm.nb(f, data, control = glm.control(epsilon = 1e-14, maxit = 200))
  o <- if (is.null(m$offset)) rep(0, nrow(data)) else m$offset; y <- m$y; x <- model.matrix(m); th <- m$theta; b <- coef(m)
  for (i in 1:100) {
    mu <- exp(drop(x %*% b) + o); w <- mu / (1 + mu / th)
    b <- b + solve(crossprod(x * sqrt(w)), crossprod(x, (y - mu) / (1 + mu / th)))
    s <- sum(digamma(th + y) - digamma(th) + log(th) + 1 - log(th + mu) - (y + th) / (mu + th))
    j <- sum(-trigamma(th + y) + trigamma(th) - 1 / th + 2 / (mu + th) - (y + th) / (mu + th)^2)
    th <- th + s / j
  }
  b <- drop(b); stopifnot(abs(th / m$theta - 1) < 1e-4, max(abs(b - coef(m))) < 1e-4)
  se <- sqrt(diag(solve(crossprod(x * sqrt(w)))))
  for (t in names(b)) { put(id, "tidy", t, "estimate", b[t]); put(id, "tidy", t, "std_error", se[t]); put(id, "tidy", t, "rate_high", exp(b[t] + qnorm(0.975) * se[t])) }
  ll <- sum(dnbinom(y, size = th, mu = mu, log = TRUE)); fam <- negative.binomial(th)
  null <- glm(y ~ 1 + offset(o), family = fam, epsilon = 1e-15, maxit = 100)
  for (k in c(theta = th, theta_std_error = 1 / sqrt(j), log_lik = ll, aic = 2 * (length(b) + 1) - 2 * ll, deviance = sum(fam$dev.resids(y, mu, 1)), null_deviance = null$deviance) |> (\(v) split(v, names(v)))()) put(id, "glance", "", names(k), k)
  fixed <- suppressWarnings(glm(f, negative.binomial(th), data, start = b, epsilon = 1e-300, maxit = 3)) # theta as given, as sandwich takes it
  stopifnot(isTRUE(all.equal(sandwich::vcovHC(m, "HC3"), sandwich::vcovHC(fixed, "HC3"), tolerance = 1e-3)))
  fixed
}
nb1 <- negbin("negbin", infections ~ treat + age + offset(log(days)), cgd)
for (hc in c("HC0", "HC1", "HC2", "HC3")) robust(paste0("negbin_", tolower(hc)), nb1, sandwich::vcovHC(nb1, hc))
robust("negbin_cluster", nb1, sandwich::vcovCL(nb1, cgd$site))
invisible(negbin("negbin_ftv", ftv ~ age + race + smoke, birthwt))

## propensity-score weighting
propensity <- function(id, f, data, estimand, y = NULL, limits = c(0, 1), stabilized = FALSE) {
  m <- exact(f, binomial, data); e <- pmin(pmax(fitted(m), limits[1]), limits[2]); t <- m$y; x <- model.matrix(m)[, -1, drop = FALSE]
  w <- if (estimand == "ate") t / e + (1 - t) / (1 - e) else t + (1 - t) * e / (1 - e)
  if (stabilized) w <- w * ifelse(t == 1, mean(t), 1 - mean(t))
  largest <- c(0, 0)
  for (k in colnames(x)) {
    a <- x[t == 1, k]; b <- x[t == 0, k]
    sd <- if (estimand == "ate") sqrt((var(a) + var(b)) / 2) else sd(a)
    wa <- weighted.mean(a, w[t == 1]); wb <- weighted.mean(b, w[t == 0])
    smd <- c((mean(a) - mean(b)) / sd, (wa - wb) / sd); largest <- pmax(largest, abs(smd))
    for (v in list(c("mean_treated", mean(a)), c("mean_control", mean(b)), c("smd", smd[1]), c("weighted_treated", wa), c("weighted_control", wb), c("weighted_smd", smd[2]))) put(id, "tidy", k, v[1], as.numeric(v[2]))
  }
  put(id, "glance", "", "largest_smd", largest[1]); put(id, "glance", "", "largest_weighted_smd", largest[2])
  for (g in 0:1) {
    name <- c("control", "treated")[g + 1]; v <- w[t == g]
    put(id, "glance", "", paste0("effective_", name), sum(v)^2 / sum(v^2)); put(id, "glance", "", paste0("mean_weight_", name), mean(v)); put(id, "glance", "", paste0("n_", name), length(v))
  }
  if (!is.null(y)) {
    o <- lm(y ~ t, weights = w); se <- sqrt(sandwich::vcovHC(o, "HC0")[2, 2])
    put(id, "glance", "", "outcome_control", coef(o)[1]); put(id, "glance", "", "estimate", coef(o)[2]); put(id, "glance", "", "std_error", se)
    put(id, "glance", "", "p_value", 2 * pnorm(-abs(coef(o)[2] / se))); put(id, "glance", "", "conf_low", coef(o)[2] - qnorm(0.975) * se)
  }
  if (limits[1] > 0) put(id, "glance", "", "truncated", sum(fitted(m) < limits[1] | fitted(m) > limits[2]))
}
propensity("weight_ate", smoke ~ age + lwt + race + ht, birthwt, "ate", birthwt$bwt)
propensity("weight_att", smoke ~ age * race + ui, birthwt, "att", birthwt$low)
propensity("weight_truncated", smoke ~ age + lwt + race + ptl, birthwt, "ate", birthwt$bwt, c(0.2, 0.6), TRUE)
with_loss <- lung[complete.cases(lung[, c("sex", "age", "ph_karno", "wt_loss")]), ]; with_loss$sex <- factor(with_loss$sex, c("male", "female"))
propensity("weight_missing", sex ~ age + ph_karno, with_loss, "ate", with_loss$wt_loss)

## Firth's profile: the penalised likelihood, maximised over the others by Fisher steps, at limits found by uniroot
profile <- function(id, f, data) {
  m <- glm(f, binomial, data, method = brglm2::brglmFit, type = "AS_mean", epsilon = 1e-13, maxit = 2000)
  x <- model.matrix(m); y <- m$y
  best <- function(r, at, b) { # r: 0 for none
    for (i in 1:400) {
      if (r > 0) b[r] <- at
      p <- plogis(drop(x %*% b)); w <- p * (1 - p); i0 <- crossprod(x * sqrt(w)); v <- solve(i0)
      u <- drop(crossprod(x, y - p + rowSums((x %*% v) * x) * w * (0.5 - p)))
      if (r == 0) step <- drop(v %*% u) else { step <- u * 0; if (length(b) > 1) step[-r] <- solve(i0[-r, -r], u[-r]) }
      b <- b + step * min(1, 5 / max(abs(step * apply(x, 2, function(z) max(1, sd(z))))))
      if (max(abs(step)) < 1e-14) break
    }
    p <- plogis(drop(x %*% b))
    list(b = b, l = sum(dbinom(y, 1, p, log = TRUE)) + determinant(crossprod(x * sqrt(p * (1 - p))))$modulus[1] / 2)
  }
  full <- best(0, 0, coef(m)); se <- sqrt(diag(vcov(m)))
  for (r in seq_along(full$b)) {
    g <- function(z) 2 * (full$l - best(r, z, full$b)$l) - qchisq(0.95, 1)
    t <- names(full$b)[r]; b <- full$b[r]; far <- 1
    while (g(b - far * se[r]) < 0) far <- far * 1.5
    lo <- uniroot(g, c(b - far * se[r], b), tol = 1e-15 * abs(b))$root; far <- 1
    while (g(b + far * se[r]) < 0) far <- far * 1.5
    hi <- uniroot(g, c(b, b + far * se[r]), tol = 1e-15 * abs(b))$root
    put(id, "tidy", t, "conf_low", lo); put(id, "tidy", t, "conf_high", hi)
    put(id, "tidy", t, "p_value", pchisq(2 * (full$l - best(r, 0, full$b)$l), 1, lower.tail = FALSE))
  }
}
profile("firth_profile", low ~ age + lwt + smoke + ht, birthwt)
profile("firth_profile_rare", ht ~ smoke * ui, birthwt)

## Cox within hospitals, standard errors clustered by them
cl <- coxph(Surv(time, death) ~ age + sex + ph_ecog + strata(site), lung, cluster = site, eps = 1e-14)
for (t in names(coef(cl))) { put("cox_cluster", "tidy", t, "estimate", coef(cl)[t]); put("cox_cluster", "tidy", t, "std_error", sqrt(cl$var[match(t, names(coef(cl))), match(t, names(coef(cl)))])) }
put("cox_cluster", "glance", "", "wald", cl$wald.test)

## Cox, robust: score residuals (Lin and Wei 1989)
gbsg <- read("rotterdam_gbsg", c("rotterdam", "gbsg"))
gbsg$size <- factor(gbsg$size, c("<=20", "20-50", ">50"))
for (x in list(
  list("cox_hc0", coxph(Surv(time, death) ~ age + sex + ph_ecog + strata(site), lung, robust = TRUE, eps = 1e-14)),
  list("cox_hc0_breslow", coxph(Surv(time, death) ~ age + ph_karno + strata(site, sex), lung, ties = "breslow", robust = TRUE, eps = 1e-14)),
  list("cox_hc0_ties", coxph(Surv(ceiling(rfstime / 365) * 365, rfs) ~ age + size + nodes + hormon + strata(site), gbsg, robust = TRUE, eps = 1e-14)))) {
  robust(x[[1]], x[[2]], vcov(x[[2]])); put(x[[1]], "glance", "", "wald", x[[2]]$wald.test); put(x[[1]], "glance", "", "score", x[[2]]$score)
}
