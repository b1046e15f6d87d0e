# Regressions on birthwt beyond those of its oracle: offsets, no intercept,
# transformations, empty models, as many coefficients as rows. R >= 4. Run from this folder:
#   Rscript models.R > models.csv
sites <- c("north", "centre", "south")
d <- do.call(rbind, lapply(sites, function(s) cbind(read.csv(file.path("../../../../testdata/birthwt", paste0(s, ".csv"))), site = s)))
d$race <- factor(d$race, c("white", "black", "other"))
d$site <- factor(d$site, sites)
cat("#", R.version.string, "\n")
cat("kind,rows,formula,key,term,value\n")
out <- function(kind, rows, f, key, term, x) cat(sprintf('%s,%d,"%s",%s,%s,%s\n', kind, rows, f, key, term, ifelse(is.finite(x), sprintf("%.17g", x), "null")), sep = "")

fit <- function(kind, f, rows = nrow(d)) {
  e <- d[seq_len(rows), ]
  e$race <- droplevels(e$race)
  e$site <- droplevels(e$site)
  if (kind == "linear") {
    m <- lm(as.formula(f), e)
  } else {
    m <- glm(as.formula(f), binomial, e, epsilon = 1e-14, maxit = 100)
    # glm stops when the deviance does, half the digits of the estimates short
    e$begin <- m$linear.predictors
    m <- suppressWarnings(glm(as.formula(f), binomial, e, etastart = begin, epsilon = 1e-300, maxit = 4))
  }
  put <- function(key, term, x) out(kind, rows, f, key, term, x)
  s <- summary(m)
  k <- s$coefficients
  for (t in names(coef(m))) {
    put("estimate", t, coef(m)[t])
    if (t %in% rownames(k)) {
      put("std_error", t, k[t, 2]); put("statistic", t, k[t, 3]); put("p_value", t, k[t, 4])
      ci <- suppressMessages(if (kind == "linear") confint(m)[t, ] else confint.default(m)[t, ])
      put("conf_low", t, ci[1]); put("conf_high", t, ci[2])
    }
  }
  n <- length(resid(m))
  if (kind == "linear") {
    put("r_squared", "", s$r.squared); put("adj_r_squared", "", s$adj.r.squared); put("sigma", "", s$sigma)
    if (!is.null(s$fstatistic)) {
      put("statistic", "", s$fstatistic[1]); put("df", "", s$fstatistic[2])
      put("p_value", "", pf(s$fstatistic[1], s$fstatistic[2], s$fstatistic[3], lower.tail = FALSE))
    }
  } else {
    put("null_deviance", "", m$null.deviance); put("df_null", "", m$df.null)
  }
  put("deviance", "", deviance(m)); put("df_residual", "", df.residual(m))
  put("log_lik", "", logLik(m)); put("aic", "", AIC(m)); put("bic", "", BIC(m))
  if (length(attr(terms(m), "term.labels")) > 0 && df.residual(m) > 0) {
    a <- drop1(m, test = if (kind == "linear") "F" else "Chisq")
    for (t in rownames(a)) {
      if (t != "<none>") {
        put("drop1 df", t, a[t, "Df"])
        put("drop1 statistic", t, a[t, if (kind == "linear") "F value" else "LRT"])
        put("drop1 p_value", t, a[t, if (kind == "linear") "Pr(>F)" else "Pr(>Chi)"])
        if (kind == "linear") put("drop1 sumsq", t, a[t, "Sum of Sq"])
      }
      put(if (kind == "linear") "drop1 rss" else "drop1 deviance", t, a[t, if (kind == "linear") "RSS" else "Deviance"])
      put("drop1 aic", t, a[t, "AIC"])
    }
  }
}

for (f in c("bwt ~ 0 + race + age", "bwt ~ race:smoke - 1", "bwt ~ 0 + age + lwt", "bwt ~ 1",
            "bwt ~ age + offset(10 * lwt)", "log(bwt) ~ log(lwt) + I(age^2) + sqrt(ftv)", "bwt ~ (age + smoke + race)^2",
            "bwt ~ site + site:age", "low ~ age + smoke", "bwt ~ age + I(2 * age) + age:smoke"))
  fit("linear", f)
fit("linear", "bwt ~ age + lwt", 3)
fit("linear", "bwt ~ age + lwt + ftv", 4)
fit("linear", "bwt ~ age + lwt + ftv + smoke + ptl", 4)
for (f in c("low ~ 0 + race + age", "low ~ 0 + lwt", "low ~ 1", "low ~ lwt + offset(age / 10)", "low ~ offset(lwt / 50)",
            "low ~ 0 + lwt + offset(age / 20)", "low ~ log(lwt) + I(age^2)", "low ~ (age + smoke + ht)^2", "low ~ site + site:age",
            "low ~ age + offset(bwt / 100)"))
  fit("logistic", f)
