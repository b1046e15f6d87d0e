#!/usr/bin/env Rscript
# Rscript testdata/oracle.R testdata [SET ...]     (no SET: all of them)
#
# R's answers for the data sets of this folder, which the tests take as the truth.
# For every SET below the given folder it reads SET/schema.json and the per-site CSV
# files, pools the rows in the order of the sites, runs the analyses listed in section 3
# with base R, survival, MASS and pROC, and writes SET/oracle.json. Numbers carry 15
# significant digits. ORACLE.md explains every field.
# Made with R 4.2.2, survival 3.5-3 and pROC 1.18.0 (Debian: r-base-core
# r-cran-survival r-cran-mass r-cran-proc r-cran-jsonlite).
#
# Layout of this file
#   1. reading a set
#   2. one function per kind of analysis
#   3. the list of analyses of every set
#   4. main
suppressPackageStartupMessages({
  library(jsonlite); library(survival); library(pROC); library(MASS)
})
options(warn = 1, digits = 15, contrasts = c("contr.treatment", "contr.poly"), stringsAsFactors = FALSE)

## 1. ------------------------------------------------------------ reading a set --
read_set <- function(dir) {
  schema <- fromJSON(file.path(dir, "schema.json"), simplifyVector = FALSE)
  parts <- lapply(schema$sites, function(s) {
    x <- read.csv(file.path(dir, s$file), colClasses = "character", na.strings = "", check.names = FALSE,
                  encoding = "UTF-8", fileEncoding = "UTF-8-BOM")
    if (nrow(x) != s$rows) stop(dir, "/", s$file, ": ", nrow(x), " rows, expected ", s$rows)
    x$site <- rep(s$name, nrow(x)); x })
  d <- do.call(rbind, parts)
  for (c in schema$columns) d[[c$name]] <- switch(c$type,
    numeric = , binary = as.numeric(d[[c$name]]),
    categorical = { f <- factor(d[[c$name]], levels = unlist(c$levels)); stopifnot(sum(is.na(f)) == sum(is.na(d[[c$name]]))); f },
    d[[c$name]])
  d$site <- factor(d$site, levels = vapply(schema$sites, `[[`, "", "name"))
  list(schema = schema, d = d, types = setNames(vapply(schema$columns, `[[`, "", "type"), vapply(schema$columns, `[[`, "", "name")))
}

# rows of an analysis: apply `where`, then drop rows with a missing value in `cols`
ROW <- list(`==` = `==`, `!=` = `!=`, `<` = `<`, `<=` = `<=`, `>` = `>`, `>=` = `>=`, `in` = `%in%`)
pick <- function(S, cols, where = NULL) {
  d <- S$d
  for (w in where) { k <- ROW[[w$op]](if (is.factor(d[[w$col]])) as.character(d[[w$col]]) else d[[w$col]], unlist(w$value)); d <- d[!is.na(k) & k, , drop = FALSE] }
  ok <- complete.cases(d[unique(cols)])
  x <- droplevels(d[ok, , drop = FALSE])
  x$site <- factor(x$site, levels = levels(S$d$site)[levels(S$d$site) %in% x$site])
  list(d = x, n = sum(ok), n_missing = sum(!ok), n_by_site = as.list(table(factor(as.character(x$site), levels(S$d$site)))))
}
as_fac <- function(x) if (is.factor(x)) x else factor(x)

## 2. ------------------------------------------------------- kinds of analysis --
named <- function(x) as.list(x)                          # named vector -> JSON object
mat <- function(m) { dimnames(m) <- NULL; m }            # matrix -> JSON array of rows
ci <- function(lo, hi) c(lo, hi)
box <- function(x) I(as.vector(x))                       # keep length-1 vectors as arrays
z975 <- qnorm(0.975)
QP <- c(.05, .1, .25, .5, .75, .9, .95)

num_summary <- function(x) {
  m <- sum(is.na(x)); x <- x[!is.na(x)]; n <- length(x)
  if (n == 0) return(list(n = 0L, missing = m))
  q <- quantile(x, c(.25, .5, .75), names = FALSE)
  list(n = n, missing = m, sum = sum(x), mean = mean(x), var = if (n > 1) var(x) else NA, sd = if (n > 1) sd(x) else NA, sem = if (n > 1) sd(x) / sqrt(n) else NA,
       min = min(x), q1 = q[1], median = q[2], q3 = q[3], max = max(x))
}
kinds <- list()

kinds$describe <- function(S, spec) {
  num <- names(S$types)[S$types %in% c("numeric", "binary")]; fac <- names(S$types)[S$types == "categorical"]
  by <- split(seq_len(nrow(S$d)), S$d$site)
  numeric <- lapply(setNames(num, num), function(v) {
    x <- S$d[[v]]; r <- num_summary(x)
    if (r$n > 0) { y <- x[!is.na(x)]; r$quantiles <- list(p = QP, type7 = quantile(y, QP, type = 7, names = FALSE), type2 = quantile(y, QP, type = 2, names = FALSE), type1 = quantile(y, QP, type = 1, names = FALSE)) }
    r$by_site <- lapply(by, function(i) { s <- num_summary(x[i]); s[intersect(names(s), c("n", "missing", "sum", "mean", "var", "sd", "min", "max"))] })
    r })
  categorical <- lapply(setNames(fac, fac), function(v) {
    x <- S$d[[v]]
    list(n = sum(!is.na(x)), missing = sum(is.na(x)), counts = named(table(x)), by_site = lapply(by, function(i) list(missing = sum(is.na(x[i])), counts = named(table(x[i]))))) })
  list(n = nrow(S$d), n_missing = 0L, n_by_site = lapply(by, length), result = list(rows = nrow(S$d), numeric = numeric, categorical = categorical))
}
kinds$describe_by <- function(S, spec) {
  p <- pick(S, spec$group, spec$where); g <- as_fac(p$d[[spec$group]])
  r <- lapply(setNames(spec$columns, spec$columns), function(v) lapply(split(p$d[[v]], g), num_summary))
  c(p[-1], list(result = r))
}
kinds$histogram <- function(S, spec) {          # classes [b1,b2), [b2,b3), ..., the last one closed
  p <- pick(S, spec$column, spec$where); x <- p$d[[spec$column]]; b <- spec$breaks
  k <- findInterval(x, b, rightmost.closed = TRUE)
  c(p[-1], list(result = list(counts = tabulate(k[k >= 1 & k < length(b)], length(b) - 1), below = sum(x < b[1]), above = sum(x > b[length(b)]))))
}

# conditional maximum likelihood odds ratio and exact 95% limits of a 2x2 table: as
# fisher.test(), whose root finder stops at about four digits, but to full precision
fisher_exact_or <- function(t) {
  m <- sum(t[, 1]); n <- sum(t[, 2]); k <- sum(t[1, ]); x <- t[1, 1]; s <- max(0, k - n):min(k, m); lc <- dhyper(s, m, n, k, log = TRUE)
  dens <- function(l) { d <- lc + l * s; d <- exp(d - max(d)); d / sum(d) }
  root <- function(f) { lo <- -1; while (f(lo) > 0) lo <- lo * 2; hi <- 1; while (f(hi) < 0) hi <- hi * 2; exp(uniroot(f, c(lo, hi), tol = 1e-15, maxiter = 2000)$root) }
  est <- if (x == min(s)) 0 else if (x == max(s)) Inf else root(function(l) sum(s * dens(l)) - x)
  lower <- if (x == min(s)) 0 else root(function(l) sum(dens(l)[s >= x]) - 0.025)
  upper <- if (x == max(s)) Inf else root(function(l) 0.025 - sum(dens(l)[s <= x]))
  list(estimate = est, ci = c(lower, upper))
}
table_stats <- function(t) {
  storage.mode(t) <- "double"                   # products of integer counts overflow in R
  n <- sum(t); e <- outer(rowSums(t), colSums(t)) / n
  x <- suppressWarnings(chisq.test(t, correct = FALSE))
  g <- 2 * sum(ifelse(t == 0, 0, t * log(t / e)))
  r <- list(counts = mat(unclass(t)), row_totals = box(rowSums(t)), col_totals = box(colSums(t)), total = n, expected = mat(e), min_expected = min(e),
    chisq = list(statistic = unname(x$statistic), df = unname(x$parameter), p = x$p.value),
    g_test = list(statistic = g, df = unname(x$parameter), p = pchisq(g, x$parameter, lower.tail = FALSE)),
    cramers_v = unname(sqrt(x$statistic / (n * (min(dim(t)) - 1)))))
  f <- tryCatch(fisher.test(t, workspace = 2e7), error = function(e) NULL)
  if (all(dim(t) == 2)) {
    y <- suppressWarnings(chisq.test(t, correct = TRUE))
    r$chisq_yates <- list(statistic = unname(y$statistic), df = 1, p = y$p.value)
    o <- fisher_exact_or(t); r$fisher <- list(p = f$p.value, odds_ratio_cmle = o$estimate, ci95 = o$ci)
    a <- t[1, 1]; b <- t[1, 2]; c <- t[2, 1]; d <- t[2, 2]
    or <- a * d / (b * c); se <- sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    r$odds_ratio <- list(estimate = or, se_log = se, ci95 = or * exp(c(-1, 1) * z975 * se))
    # column 2 is "the event", row 2 the exposed group, row 1 the reference
    p1 <- b / (a + b); p2 <- d / (c + d); rr <- p2 / p1; ser <- sqrt(1 / d - 1 / (c + d) + 1 / b - 1 / (a + b)); sed <- sqrt(p1 * (1 - p1) / (a + b) + p2 * (1 - p2) / (c + d))
    r$risk <- list(p_row1 = p1, p_row2 = p2, risk_ratio = rr, risk_ratio_ci95 = rr * exp(c(-1, 1) * z975 * ser), risk_difference = p2 - p1, risk_difference_ci95 = p2 - p1 + c(-1, 1) * z975 * sed)
  } else if (!is.null(f)) r$fisher <- list(p = f$p.value)
  r
}
kinds$table <- function(S, spec) {
  p <- pick(S, c(spec$row, spec$col), spec$where); p$d$row_ <- as_fac(p$d[[spec$row]]); p$d$col_ <- as_fac(p$d[[spec$col]])
  t <- table(p$d$row_, p$d$col_)
  r <- c(list(row_levels = box(rownames(t)), col_levels = box(colnames(t))), table_stats(t))
  if (spec$row != "site" && spec$col != "site") {
    r$by_site <- lapply(split(p$d, p$d$site), function(x) mat(unclass(table(x$row_, x$col_))))
    a <- table(p$d$row_, p$d$col_, p$d$site); storage.mode(a) <- "double"; a <- a[, , apply(a, 3, sum) > 1, drop = FALSE]
    if (all(dim(a)[1:2] == 2) && dim(a)[3] > 1) {
      u <- mantelhaen.test(a, correct = FALSE); w <- mantelhaen.test(a, correct = TRUE)
      r$cmh_by_site <- list(strata = dim(a)[3], statistic = unname(u$statistic), p = u$p.value, statistic_corrected = unname(w$statistic), p_corrected = w$p.value, common_odds_ratio = unname(u$estimate), ci95 = as.vector(u$conf.int))
    }
  }
  c(p[-1], list(result = r))
}
kinds$ttest <- function(S, spec) {
  p <- pick(S, c(spec$column, spec$group), spec$where); g <- as_fac(p$d[[spec$group]]); x <- p$d[[spec$column]]
  stopifnot(nlevels(g) == 2); s <- split(x, g)
  one <- function(eq) { t <- t.test(s[[1]], s[[2]], var.equal = eq); list(t = unname(t$statistic), df = unname(t$parameter), p = t$p.value, difference = mean(s[[1]]) - mean(s[[2]]), se = t$stderr, ci95 = as.vector(t$conf.int)) }
  n <- lengths(s); sp <- sqrt(((n[1] - 1) * var(s[[1]]) + (n[2] - 1) * var(s[[2]])) / (sum(n) - 2))
  v <- var.test(s[[1]], s[[2]])
  c(p[-1], list(result = list(groups = lapply(s, function(v) list(n = length(v), mean = mean(v), sd = sd(v))), welch = one(FALSE), student = one(TRUE),
    pooled_sd = unname(sp), cohen_d = unname((mean(s[[1]]) - mean(s[[2]])) / sp), f_test = list(f = unname(v$statistic), df1 = unname(v$parameter[1]), df2 = unname(v$parameter[2]), p = v$p.value))))
}
kinds$ttest_paired <- function(S, spec) {
  p <- pick(S, c(spec$first, spec$second), spec$where); t <- t.test(p$d[[spec$first]] - p$d[[spec$second]])
  c(p[-1], list(result = list(mean_difference = unname(t$estimate), se = t$stderr, t = unname(t$statistic), df = unname(t$parameter), p = t$p.value, ci95 = as.vector(t$conf.int))))
}
kinds$anova <- function(S, spec) {
  p <- pick(S, c(spec$column, spec$group), spec$where); g <- as_fac(p$d[[spec$group]]); x <- p$d[[spec$column]]
  a <- anova(lm(x ~ g)); m <- tapply(x, g, mean); n <- tapply(x, g, length); s <- tapply(x, g, sd)
  med <- abs(x - tapply(x, g, median)[g]); l <- anova(lm(med ~ g))
  w <- tryCatch(oneway.test(x ~ g), error = function(e) NULL); b <- tryCatch(bartlett.test(x, g), error = function(e) NULL)
  c(p[-1], list(result = list(groups = Map(function(n, m, s) list(n = n, mean = m, sd = s), as.list(n), as.list(m), as.list(s)),
    f = a$`F value`[1], df1 = a$Df[1], df2 = a$Df[2], p = a$`Pr(>F)`[1], ss_between = a$`Sum Sq`[1], ss_within = a$`Sum Sq`[2], ms_between = a$`Mean Sq`[1], ms_within = a$`Mean Sq`[2], eta2 = a$`Sum Sq`[1] / sum(a$`Sum Sq`),
    welch = if (!is.null(w)) list(f = unname(w$statistic), df1 = unname(w$parameter[1]), df2 = unname(w$parameter[2]), p = w$p.value),
    bartlett = if (!is.null(b)) list(statistic = unname(b$statistic), df = unname(b$parameter), p = b$p.value),
    levene_median = list(f = l$`F value`[1], df1 = l$Df[1], df2 = l$Df[2], p = l$`Pr(>F)`[1]))))
}
kinds$rank <- function(S, spec) {               # Wilcoxon-Mann-Whitney for 2 groups, Kruskal-Wallis for more
  p <- pick(S, c(spec$column, spec$group), spec$where); g <- as_fac(p$d[[spec$group]]); x <- p$d[[spec$column]]; s <- split(x, g)
  k <- kruskal.test(x, g); r <- list(groups = lapply(s, function(v) list(n = length(v), median = median(v))), kruskal = list(statistic = unname(k$statistic), df = unname(k$parameter), p = k$p.value))
  if (nlevels(g) == 2) {
    u <- wilcox.test(s[[1]], s[[2]], exact = FALSE, correct = FALSE); w <- wilcox.test(s[[1]], s[[2]], exact = FALSE, correct = TRUE)
    n <- as.numeric(lengths(s)); N <- sum(n); ties <- table(x); v <- n[1] * n[2] / 12 * (N + 1 - sum(ties^3 - ties) / (N * (N - 1)))
    r$wilcoxon <- list(w = unname(u$statistic), z = unname((u$statistic - n[1] * n[2] / 2) / sqrt(v)), p = u$p.value, p_corrected = w$p.value, rank_sum_group1 = unname(u$statistic + n[1] * (n[1] + 1) / 2), auc_group2_over_group1 = unname(1 - u$statistic / (n[1] * n[2])))
  }
  c(p[-1], list(result = r))
}
kinds$correlation <- function(S, spec) {        # rows complete in all the columns
  p <- pick(S, spec$columns, spec$where); m <- as.matrix(p$d[spec$columns]); n <- nrow(m)
  r <- cor(m); t <- r * sqrt((n - 2) / (1 - r^2)); pv <- 2 * pt(-abs(t), n - 2); diag(pv) <- NA
  out <- list(columns = spec$columns, means = colMeans(m), sds = apply(m, 2, sd), covariance = mat(cov(m)), pearson = mat(r), p = mat(pv), spearman = mat(cor(m, method = "spearman")))
  out$means <- unname(out$means); out$sds <- unname(out$sds)
  out$pairs <- lapply(seq_len(min(3, length(spec$columns) - 1)), function(j) { ct <- cor.test(m[, 1], m[, j + 1]); list(x = spec$columns[1], y = spec$columns[j + 1], r = unname(ct$estimate), t = unname(ct$statistic), df = unname(ct$parameter), p = ct$p.value, ci95 = as.vector(ct$conf.int)) })
  all <- S$d[spec$columns]; out$pairwise <- list(n = mat(crossprod(!is.na(as.matrix(all)))), pearson = if (is.null(spec$where)) mat(suppressWarnings(cor(all, use = "pairwise.complete.obs"))))
  c(p[-1], list(result = out))
}

kinds$table1 <- function(S, spec) {             # per variable: columns by group, standardised mean difference, test
  p <- pick(S, spec$group, spec$where); g <- as_fac(p$d[[spec$group]]); pairs <- combn(nlevels(g), 2)
  largest <- function(one) max(abs(apply(pairs, 2, function(ij) one(levels(g)[ij[1]], levels(g)[ij[2]]))))
  number <- function(v) { x <- p$d[[v]]; m <- tapply(x, g, mean, na.rm = TRUE); s <- tapply(x, g, sd, na.rm = TRUE)
    list(groups = lapply(split(x, g), num_summary), smd = largest(function(a, b) (m[[a]] - m[[b]]) / sqrt((s[[a]]^2 + s[[b]]^2) / 2)),
      p = if (v %in% spec$medians) kruskal.test(x, g)$p.value else oneway.test(x ~ g)$p.value) }      # two groups: Welch's t
  category <- function(v) { x <- as_fac(p$d[[v]]); t <- table(x, g); q <- prop.table(t, 2); k <- nlevels(x)
    yang_dalton <- function(a, b) { d <- (q[, a] - q[, b])[-1]; S <- (diag(q[, a]) - q[, a] %o% q[, a] + diag(q[, b]) - q[, b] %o% q[, b])[-1, -1] / 2; sqrt(drop(d %*% solve(S, d))) }
    x2 <- suppressWarnings(chisq.test(t, correct = FALSE)); small <- all(dim(t) == 2) && any(x2$expected < 5)
    list(missing = lapply(split(x, g), function(z) sum(is.na(z))), levels = lapply(setNames(seq_len(k), levels(x)), function(i) lapply(setNames(levels(g), levels(g)), function(a) list(n = t[i, a], pct = 100 * q[i, a]))),
      smd = largest(yang_dalton), fisher = small, p = if (small) fisher.test(t)$p.value else x2$p.value) }
  split_ <- S$types[spec$columns] == "numeric"
  c(p[-1], list(result = list(number = lapply(setNames(nm = spec$columns[split_]), number), category = lapply(setNames(nm = spec$columns[!split_]), category))))
}

## regression models: a spec has outcome, terms (list of variables, an interaction is
## a vector of two variables); `site` may be used as a categorical variable
term_string <- function(t) paste(t, collapse = ":")
rhs <- function(terms) if (length(terms)) paste(vapply(terms, term_string, ""), collapse = " + ") else "1"
coef_info <- function(names, assign, terms) {   # term and levels of every coefficient
  lapply(seq_along(names), function(i) {
    if (assign[i] == 0) return(list(name = names[i], term = "(Intercept)"))
    t <- terms[[assign[i]]]; parts <- strsplit(names[i], ":", fixed = TRUE)[[1]]; stopifnot(length(parts) == length(t), startsWith(parts, t))
    lev <- if (length(parts) == length(t)) mapply(function(p, v) { s <- sub(paste0("^\\Q", v, "\\E"), "", p, perl = TRUE); if (s == "") NA else s }, parts, t, USE.NAMES = FALSE) else rep(NA, length(t))
    list(name = names[i], term = term_string(t), variables = box(t), levels = box(lev))
  })
}
refs <- function(d, terms) { v <- unique(unlist(terms)); v <- v[vapply(v, function(x) is.factor(d[[x]]), NA)]; if (length(v)) lapply(setNames(v, v), function(x) list(reference = levels(d[[x]])[1], levels = box(levels(d[[x]])))) }
catch_warn <- function(expr) { w <- character(); v <- withCallingHandlers(expr, warning = function(c) { w <<- c(w, conditionMessage(c)); invokeRestart("muffleWarning") }); list(value = v, warnings = unique(w)) }

droppable <- function(terms) { inter <- unlist(Filter(function(t) length(t) > 1, terms)); Filter(function(t) length(t) > 1 || !(t %in% inter), terms) }

kinds$lm <- function(S, spec) {
  p <- pick(S, c(spec$outcome, unlist(spec$terms)), spec$where)
  f <- as.formula(paste(spec$outcome, "~", rhs(spec$terms))); m <- lm(f, p$d); s <- suppressWarnings(summary(m))
  b <- coef(m); ok <- !is.na(b); tab <- s$coefficients; info <- coef_info(names(b), m$assign, spec$terms); cf <- suppressWarnings(confint(m))
  co <- lapply(seq_along(b), function(i) { k <- match(names(b)[i], rownames(tab)); c(info[[i]], list(estimate = unname(b[i]), se = unname(tab[k, 2]), t = unname(tab[k, 3]), p = unname(tab[k, 4]), ci95 = unname(cf[i, ]), aliased = !ok[[i]])) })
  y <- model.response(model.frame(m)); fs <- s$fstatistic
  r <- list(formula = deparse1(f), factors = refs(p$d, spec$terms), coefficients = co, rank = m$rank, df_residual = m$df.residual, rss = sum(resid(m)^2), tss = sum((y - mean(y))^2), sigma = s$sigma, r_squared = s$r.squared, adj_r_squared = s$adj.r.squared,
    f = if (!is.null(fs)) list(statistic = unname(fs[1]), df1 = unname(fs[2]), df2 = unname(fs[3]), p = unname(pf(fs[1], fs[2], fs[3], lower.tail = FALSE))), loglik = as.numeric(logLik(m)), aic = AIC(m), bic = BIC(m), vcov = mat(vcov(m, complete = FALSE)))
  if (all(ok) && length(spec$terms) && m$df.residual > 0 && s$sigma > 1e-8) { d1 <- drop1(m, test = "F"); r$drop1 <- lapply(setNames(2:nrow(d1), rownames(d1)[-1]), function(i) list(df = d1$Df[i], ss = d1$`Sum of Sq`[i], f = d1$`F value`[i], p = d1$`Pr(>F)`[i])) }
  c(p[-1], list(result = r))
}

# Newton steps to rounding error from a glm() fit, on centred and scaled columns; glm()
# itself stops at a relative change of 1e-8 of the deviance and leaves standard errors
# that belong to the coefficients of the step before
polish <- function(m) {
  b <- coef(m); ok <- !is.na(b); X <- model.matrix(m)[, ok, drop = FALSE]; y <- m$y; p <- ncol(X)
  mu <- c(0, colMeans(X[, -1, drop = FALSE])); sdv <- c(1, apply(X[, -1, drop = FALSE], 2, sd)); Z <- sweep(sweep(X, 2, mu), 2, sdv, "/")
  J <- diag(1 / sdv, p); J[1, -1] <- -mu[-1] / sdv[-1]                    # b = J a
  a <- c(b[ok][1] + sum(b[ok] * mu), b[ok][-1] * sdv[-1])
  fact <- function(q) qr(Z * sqrt(q * (1 - q)), tol = 1e-14)
  for (k in 1:4) {
    q <- plogis(drop(Z %*% a)); Q <- fact(q); R <- qr.R(Q); g <- crossprod(Z, y - q)[Q$pivot]
    step <- numeric(p); step[Q$pivot] <- backsolve(R, backsolve(R, g, transpose = TRUE)); a <- a + step
  }
  e <- drop(Z %*% a); q <- plogis(e); Q <- fact(q); V <- chol2inv(qr.R(Q)); V[Q$pivot, Q$pivot] <- V; V <- J %*% V %*% t(J); dimnames(V) <- list(names(b)[ok], names(b)[ok])
  b[ok] <- drop(J %*% a)
  list(b = b, V = V, q = q, loglik = sum(plogis((2 * y - 1) * e, log.p = TRUE)), score = max(abs(crossprod(Z, y - q))))
}
hosmer_lemeshow <- function(y, q, g = 10) {     # as ResourceSelection::hoslem.test: groups cut at the type-7 deciles of q
  cuts <- unique(quantile(q, seq(0, 1, 1 / g), names = FALSE)); if (length(cuts) < 4) return(NULL)
  k <- cut(q, cuts, include.lowest = TRUE); o1 <- tapply(y, k, sum); n <- tapply(y, k, length); e1 <- tapply(q, k, sum)
  x2 <- sum((o1 - e1)^2 / e1 + (o1 - e1)^2 / (n - e1)); df <- length(n) - 2
  list(groups = length(n), cuts = cuts, n = box(unname(n)), observed = box(unname(o1)), expected = box(unname(e1)), statistic = x2, df = df, p = pchisq(x2, df, lower.tail = FALSE))
}
predictive <- function(y, q, hl = TRUE) {       # discrimination and calibration of probabilities q for 0/1 outcomes y
  q <- signif(q, 11)                            # so that equal covariates give equal probabilities (ties!)
  r <- suppressMessages(roc(y, q, direction = "<", levels = c(0, 1), quiet = TRUE)); v <- tryCatch(var(r, method = "delong"), error = function(e) NA)
  a <- as.numeric(auc(r)); k <- q >= 0.5
  cl <- tryCatch(as.numeric(ci.auc(r, method = "delong"))[c(1, 3)], error = function(e) c(NA, NA))
  list(n_events = sum(y), n_nonevents = sum(1 - y), auc = a, auc_se_delong = sqrt(v), auc_ci95_delong = cl, brier = mean((y - q)^2), log_loss = -mean(ifelse(y == 1, log(q), log1p(-q))),
    at_0_5 = list(tp = sum(k & y == 1), fp = sum(k & y == 0), tn = sum(!k & y == 0), fn = sum(!k & y == 1)), hosmer_lemeshow = if (hl) hosmer_lemeshow(y, q))
}
kinds$logistic <- function(S, spec) {
  p <- pick(S, c(spec$outcome, unlist(spec$terms)), spec$where); d <- p$d
  f <- as.formula(paste(spec$outcome, "~", rhs(spec$terms)))
  def <- catch_warn(glm(f, binomial, d)); m0 <- def$value                      # R's default stopping rule
  sep <- isTRUE(spec$separated)
  m <- m0                                       # do not tighten glm.control(epsilon): it is also the rank tolerance (x 1e-3)
  b <- coef(m); ok <- !is.na(b); info <- coef_info(names(b), attr(model.matrix(m), "assign"), spec$terms)
  P <- if (sep) list(b = b, V = vcov(m, complete = FALSE), q = fitted(m), loglik = -m$deviance / 2) else polish(m)
  b <- P$b; se_ <- sqrt(diag(P$V))
  co <- lapply(seq_along(b), function(i) { se <- unname(se_[names(b)[i]]); e <- unname(b[i])
    c(info[[i]], list(estimate = e, se = se, z = e / se, p = 2 * pnorm(-abs(e / se)), ci95 = e + c(-1, 1) * z975 * se, odds_ratio = exp(e), odds_ratio_ci95 = exp(e + c(-1, 1) * z975 * se), aliased = !ok[[i]])) })
  n <- nrow(d); ll <- P$loglik; dev <- -2 * ll; ll0 <- -m$null.deviance / 2; r2cs <- 1 - exp(2 * (ll0 - ll) / n); y <- m$y; q <- P$q
  r <- list(formula = deparse1(f), factors = refs(d, spec$terms), converged = m0$converged, warnings = box(def$warnings), iterations_default = m0$iter, coefficients = co, rank = m$rank, n_events = sum(y), null_deviance = m$null.deviance, df_null = m$df.null, deviance = dev, df_residual = m$df.residual,
    loglik = ll, aic = dev + 2 * m$rank, bic = dev + log(n) * m$rank, lr_test = list(statistic = m$null.deviance - dev, df = m$df.null - m$df.residual, p = pchisq(m$null.deviance - dev, m$df.null - m$df.residual, lower.tail = FALSE)),
    mcfadden_r2 = 1 - ll / ll0, nagelkerke_r2 = r2cs / (1 - exp(2 * ll0 / n)))
  if (sep) {                                    # which coefficients run away, and in which direction
    type <- sub("separation:", "", grep("^separation:", attr(spec, "tags"), value = TRUE)); run <- which(ok & names(b) != "(Intercept)" & se_[names(b)] > 50)
    r$separation <- list(type = type, deviance_limit = if (type == "complete") 0 else dev, infinite = if (type == "quasi") lapply(unname(run), function(i) list(name = names(b)[i], sign = if (b[i] > 0) "+" else "-")))
  } else {
    r$max_abs_score <- P$score; r$vcov <- mat(P$V)
    if (length(spec$terms)) {
      r$in_sample <- predictive(y, q)
      if (all(ok) && n < 50000) {               # likelihood ratio test of every term that is not part of an interaction
        can <- droppable(spec$terms)
        r$drop1 <- lapply(setNames(can, vapply(can, term_string, "")), function(t) {
          m1 <- suppressWarnings(glm(as.formula(paste(spec$outcome, "~", rhs(setdiff(spec$terms, list(t))))), binomial, d)); lr <- 2 * (ll - polish(m1)$loglik); df <- m$rank - m1$rank
          list(df = df, lrt = lr, p = pchisq(lr, df, lower.tail = FALSE)) })
      }
    }
  }
  c(p[-1], list(result = r))
}
# ridge penalised logistic regression: minimise  -loglik + lambda/2 * sum(beta^2), intercept
# not penalised, columns of the model matrix standardised with pooled mean and sd (n-1)
kinds$logistic_ridge <- function(S, spec) {
  p <- pick(S, c(spec$outcome, unlist(spec$terms)), spec$where); d <- p$d; y <- d[[spec$outcome]]
  X <- model.matrix(as.formula(paste("~", rhs(spec$terms))), d)[, -1, drop = FALSE]; mu <- colMeans(X); sdv <- apply(X, 2, sd); Z <- cbind(1, scale(X, mu, sdv))
  fits <- lapply(spec$lambda, function(l) {
    P <- diag(c(0, rep(l, ncol(X)))); b <- rep(0, ncol(Z)); obj <- function(b) { e <- drop(Z %*% b); -sum(y * e - ifelse(e > 0, e + log1p(exp(-e)), log1p(exp(e)))) + sum(diag(P) * b^2) / 2 }
    for (it in 1:200) { q <- plogis(drop(Z %*% b)); g <- drop(crossprod(Z, q - y)) + diag(P) * b; H <- crossprod(Z, Z * (q * (1 - q))) + P; step <- solve(H, g); t <- 1; while (obj(b - t * step) > obj(b) + 1e-12 && t > 1e-6) t <- t / 2; b <- b - t * step; if (max(abs(step)) < 1e-14 * max(1, abs(b))) break }
    raw <- b[-1] / sdv
    list(lambda = l, standardized = list(intercept = b[1], coefficients = named(setNames(b[-1], colnames(X)))), original_scale = list(intercept = b[1] - sum(raw * mu), coefficients = named(setNames(raw, colnames(X)))), objective = obj(b), max_abs_gradient = max(abs(g)), auc = as.numeric(auc(roc(y, drop(Z %*% b), direction = "<", quiet = TRUE)))) })
  c(p[-1], list(result = list(columns = box(colnames(X)), means = box(unname(mu)), sds = box(unname(sdv)), fits = fits)))
}
kinds$lm_ridge <- function(S, spec) {           # minimise 1/2 RSS + lambda/2 * sum(beta^2) on standardised columns
  p <- pick(S, c(spec$outcome, unlist(spec$terms)), spec$where); d <- p$d; y <- d[[spec$outcome]]
  X <- model.matrix(as.formula(paste("~", rhs(spec$terms))), d)[, -1, drop = FALSE]; mu <- colMeans(X); sdv <- apply(X, 2, sd); Z <- scale(X, mu, sdv)
  fits <- lapply(spec$lambda, function(l) { b <- drop(solve(crossprod(Z) + l * diag(ncol(Z)), crossprod(Z, y - mean(y)))); raw <- b / sdv
    list(lambda = l, standardized = list(intercept = mean(y), coefficients = named(setNames(b, colnames(X)))), original_scale = list(intercept = mean(y) - sum(raw * mu), coefficients = named(setNames(raw, colnames(X))))) })
  c(p[-1], list(result = list(columns = box(colnames(X)), means = box(unname(mu)), sds = box(unname(sdv)), fits = fits)))
}
kinds$roc <- function(S, spec) {                # a score that is already in the data
  p <- pick(S, c(spec$outcome, spec$score), spec$where); y <- p$d[[spec$outcome]]; x <- p$d[[spec$score]]
  r <- if (isTRUE(spec$probability)) predictive(y, x) else { o <- roc(y, x, direction = "<", levels = c(0, 1), quiet = TRUE); list(n_events = sum(y), n_nonevents = sum(1 - y), auc = as.numeric(auc(o)), auc_se_delong = sqrt(var(o, method = "delong")), auc_ci95_delong = as.numeric(ci.auc(o, method = "delong"))[c(1, 3)]) }
  if (!is.null(spec$cutoffs)) r$cutoffs <- lapply(spec$cutoffs, function(k) list(cutoff = k, rule = "score >= cutoff", tp = sum(x >= k & y == 1), fp = sum(x >= k & y == 0), tn = sum(x < k & y == 0), fn = sum(x < k & y == 1)))
  r$tied_pairs <- { a <- table(x[y == 1]); b <- table(x[y == 0]); k <- intersect(names(a), names(b)); sum(as.numeric(a[k]) * as.numeric(b[k])) }
  c(p[-1], list(result = r))
}

## survival
surv_rows <- function(S, spec, extra = NULL) { p <- pick(S, c(spec$time, spec$event, extra), spec$where); p$d$.time <- p$d[[spec$time]]; p$d$.event <- p$d[[spec$event]]; p }
km_table <- function(x, i, times = NULL) {      # rows of one curve of a survfit object
  cut <- function(v) if (is.null(times)) v[i] else v[i]
  list(time = box(x$time[i]), n_risk = box(x$n.risk[i]), n_event = box(x$n.event[i]), n_censor = box(x$n.censor[i]), surv = box(x$surv[i]), std_err = box(x$std.err[i]), cumhaz = box(x$cumhaz[i]), cumhaz_se = box(x$std.chaz[i]))
}
kinds$km <- function(S, spec) {
  p <- surv_rows(S, spec, spec$group); d <- p$d
  f <- if (is.null(spec$group)) Surv(.time, .event) ~ 1 else as.formula(paste("Surv(.time, .event) ~", spec$group))
  fit <- function(type) survfit(f, d, conf.type = type); a <- fit("log"); b <- fit("log-log"); c0 <- fit("plain")
  ng <- if (is.null(a$strata)) 1 else length(a$strata); lab <- if (is.null(spec$group)) "all" else levels(as_fac(d[[spec$group]]))
  idx <- if (ng == 1) list(seq_along(a$time)) else split(seq_along(a$time), rep(seq_len(ng), a$strata))
  med <- function(o) { q <- quantile(o, c(.25, .5, .75)); lapply(q, function(m) if (is.matrix(m)) m else t(m)) }
  qa <- med(a); qb <- med(b); tau <- spec$tau; tb <- summary(a, rmean = tau)$table; if (!is.matrix(tb)) tb <- t(as.matrix(tb)); colnames(tb) <- sub("^\\*", "", colnames(tb))
  sm <- function(o) summary(o, times = spec$times, extend = TRUE)
  sa <- sm(a); sb <- sm(b); sc <- sm(c0); nt <- length(spec$times)
  curves <- lapply(seq_len(ng), function(k) {
    i <- idx[[k]]; j <- (k - 1) * nt + seq_len(nt)
    r <- list(group = lab[k], n = unname(if (ng == 1) a$n else a$n[k]), events = sum(a$n.event[i]),
      median = qa$quantile[k, 2], median_ci95_log = c(qa$lower[k, 2], qa$upper[k, 2]), median_ci95_loglog = c(qb$lower[k, 2], qb$upper[k, 2]), q25 = qa$quantile[k, 1], q75 = qa$quantile[k, 3],
      rmst = unname(tb[k, "rmean"]), rmst_se = unname(tb[k, "se(rmean)"]),
      at_times = list(time = box(spec$times), n_risk = box(sa$n.risk[j]), surv = box(sa$surv[j]), std_err = box(sa$std.err[j]), ci95_log = list(lower = box(sa$lower[j]), upper = box(sa$upper[j])), ci95_loglog = list(lower = box(sb$lower[j]), upper = box(sb$upper[j])), ci95_plain = list(lower = box(sc$lower[j]), upper = box(sc$upper[j])), cumhaz = box(sa$cumhaz[j])))
    if (length(a$time) <= 600) { x <- a; x$std.err <- a$std.err * a$surv; r$table <- km_table(x, i); r$table$ci95_log <- list(lower = box(a$lower[i]), upper = box(a$upper[i])) }
    r })
  c(p[-1], list(result = list(tau = tau, distinct_times = length(unique(d$.time)), curves = curves)))
}
kinds$logrank <- function(S, spec) {
  p <- surv_rows(S, spec, c(spec$group, spec$strata)); d <- p$d
  one <- function(strata, rho) { f <- as.formula(paste("Surv(.time, .event) ~", spec$group, if (!is.null(strata)) paste("+ strata(", strata, ")"))); s <- survdiff(f, d, rho = rho)
    o <- if (is.matrix(s$obs)) rowSums(s$obs) else s$obs; e <- if (is.matrix(s$exp)) rowSums(s$exp) else s$exp; df <- sum(e > 0) - 1
    list(rho = rho, observed = box(unname(o)), expected = box(unname(e)), variance = mat(s$var), statistic = s$chisq, df = df, p = pchisq(s$chisq, df, lower.tail = FALSE)) }
  r <- list(groups = box(levels(as_fac(d[[spec$group]]))), n = box(as.vector(table(as_fac(d[[spec$group]])))), logrank = one(NULL, 0), peto = one(NULL, 1))
  if (!is.null(spec$strata)) r$stratified <- c(list(strata = spec$strata), one(spec$strata, 0))
  c(p[-1], list(result = r))
}
kinds$cox <- function(S, spec) {
  p <- surv_rows(S, spec, c(unlist(spec$terms), spec$strata)); d <- p$d
  d$.lp <- 0
  form <- function(terms) as.formula(paste("Surv(.time, .event) ~", rhs(terms), if (!is.null(spec$strata)) paste("+ strata(", spec$strata, ")")))
  f <- form(spec$terms); mono <- isTRUE(spec$separated)
  one <- function(ties) {
    tight <- function(terms) suppressWarnings(coxph(form(terms), d, ties = ties, control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)))
    def <- catch_warn(coxph(f, d, ties = ties)); m <- if (mono) def$value else tight(spec$terms)
    s <- summary(m); b <- coef(m); tab <- s$coefficients; ok <- !is.na(b)
    aL <- m$assign; as <- rep(NA_integer_, length(b)); lab <- vapply(spec$terms, term_string, ""); for (k in seq_along(lab)) as[aL[[lab[k]]]] <- k
    info <- coef_info(names(b), as, spec$terms)
    co <- lapply(seq_along(b), function(i) { e <- unname(b[i]); se <- unname(tab[i, "se(coef)"]); c(info[[i]], list(estimate = e, se = se, z = unname(tab[i, "z"]), p = unname(tab[i, "Pr(>|z|)"]), ci95 = e + c(-1, 1) * z975 * se, hazard_ratio = exp(e), hazard_ratio_ci95 = exp(e + c(-1, 1) * z975 * se), aliased = !ok[[i]])) })
    r <- list(ties = ties, warnings = box(def$warnings), iterations_default = def$value$iter, coefficients = co, loglik_null = m$loglik[1], loglik = m$loglik[2], aic = AIC(m),
      lr_test = list(statistic = unname(s$logtest[1]), df = unname(s$logtest[2]), p = unname(s$logtest[3])), wald_test = list(statistic = unname(s$waldtest[1]), df = unname(s$waldtest[2]), p = unname(s$waldtest[3])), score_test = list(statistic = unname(s$sctest[1]), df = unname(s$sctest[2]), p = unname(s$sctest[3])),
      concordance = NA, concordance_se = NA)
    d$.lp <- signif(predict(m, type = "lp", reference = "zero"), 11)    # rounded so that equal covariates tie
    k <- concordance(as.formula(paste("Surv(.time, .event) ~ .lp", if (!is.null(spec$strata)) paste("+ strata(", spec$strata, ")"))), d, reverse = TRUE)
    r$concordance <- unname(k$concordance); r$concordance_se <- sqrt(k$var)
    if (mono) { run <- which(ok & sqrt(diag(m$var)) > 50); r$separation <- list(type = "monotone", loglik_limit = m$loglik[2], infinite = lapply(unname(run), function(i) list(name = names(b)[i], sign = if (b[i] > 0) "+" else "-"))) } else {
      # the Wald statistic printed by summary() is rounded: recompute
      w <- drop(crossprod(b[ok], solve(m$var[ok, ok, drop = FALSE], b[ok]))); r$wald_test <- list(statistic = w, df = sum(ok), p = pchisq(w, sum(ok), lower.tail = FALSE))
      r$vcov <- mat(m$var)
      if (all(ok)) {
        can <- droppable(spec$terms)
        if (length(spec$terms) > 1) r$drop1 <- lapply(setNames(can, vapply(can, term_string, "")), function(t) { m1 <- tight(setdiff(spec$terms, list(t))); lr <- 2 * (m$loglik[2] - m1$loglik[2]); df <- length(b) - length(coef(m1)); list(df = df, lrt = lr, p = pchisq(lr, df, lower.tail = FALSE)) })
        z <- tryCatch(cox.zph(m, transform = "km"), error = function(e) NULL); if (!is.null(z)) r$zph_km <- lapply(setNames(seq_len(nrow(z$table)), rownames(z$table)), function(i) list(chisq = z$table[i, 1], df = z$table[i, 2], p = z$table[i, 3])) }
      if (is.null(spec$strata) && !is.null(spec$times)) { bh <- basehaz(m, centered = FALSE); r$baseline_cumhaz <- list(time = box(spec$times), cumhaz = box(vapply(spec$times, function(t) { k <- which(bh$time <= t); if (length(k)) bh$hazard[max(k)] else 0 }, 0))) }
    }
    r }
  c(p[-1], list(result = list(formula = deparse1(f), factors = refs(d, spec$terms), n_events = sum(d$.event), efron = one("efron"), breslow = one("breslow"))))
}

## 3. ------------------------------------------------------- analyses of each set --
A <- function(id, kind, ..., tags = character(), certified = NULL) list(id = id, kind = kind, tags = tags, spec = list(...), certified = certified)
M <- function(...) list(...)                    # terms of a model: M("age", "sex", c("age", "sex"))
W <- function(col, op, value) list(list(col = col, op = op, value = value))
DESC <- A("describe", "describe", tags = "basic")
sets <- list()

sets$birthwt <- list(DESC, A("bwt_by_race", "describe_by", columns = c("bwt", "lwt", "age"), group = "race"), A("hist_bwt", "histogram", column = "bwt", breaks = seq(500, 5000, 500)),
  A("smoke_low", "table", row = "smoke", col = "low", tags = "2x2"), A("ht_low", "table", row = "ht", col = "low", tags = c("2x2", "sparse")), A("race_low", "table", row = "race", col = "low"), A("ptl_low", "table", row = "ptl", col = "low", tags = "sparse"), A("race_smoke", "table", row = "race", col = "smoke"),
  A("bwt_smoke_t", "ttest", column = "bwt", group = "smoke"), A("bwt_race_anova", "anova", column = "bwt", group = "race"), A("bwt_site_anova", "anova", column = "bwt", group = "site"), A("lwt_low_rank", "rank", column = "lwt", group = "low"), A("bwt_race_rank", "rank", column = "bwt", group = "race"),
  A("cor_basic", "correlation", columns = c("bwt", "lwt", "age", "ftv")), A("lm_bwt", "lm", outcome = "bwt", terms = M("age", "lwt", "race", "smoke", "ptl", "ht", "ui", "ftv"), tags = "factor"), A("lm_bwt_int", "lm", outcome = "bwt", terms = M("lwt", "race", "smoke", c("race", "smoke")), tags = c("factor", "interaction")),
  A("lr_full", "logistic", outcome = "low", terms = M("age", "lwt", "race", "smoke", "ptl", "ht", "ui", "ftv"), tags = "factor"), A("lr_hl", "logistic", outcome = "low", terms = M("lwt", "race", "smoke", "ht", "ui")), A("lr_int", "logistic", outcome = "low", terms = M("age", "lwt", "smoke", "ht", c("age", "smoke"), c("lwt", "ht")), tags = "interaction"),
  A("lr_separated", "logistic", outcome = "low", terms = M("bwt"), separated = TRUE, tags = "separation:complete"), A("ridge_lr", "logistic_ridge", outcome = "low", terms = M("age", "lwt", "race", "smoke", "ptl", "ht", "ui", "ftv"), lambda = c(1, 10)), A("ridge_separated", "logistic_ridge", outcome = "low", terms = M("bwt"), lambda = c(1), tags = "separation:complete"),
  A("roc_lwt", "roc", outcome = "low", score = "lwt"), A("table1_low", "table1", columns = c("age", "lwt", "race", "smoke", "ptl", "ht", "ui", "ftv"), group = "low", medians = "ptl"), A("table1_race", "table1", columns = c("age", "lwt", "smoke", "bwt", "ui"), group = "race", medians = "lwt"))

# hard cases: each trap has its own analysis
sets$birthwt_hard <- list(DESC,
  A("lm_scaled", "lm", outcome = "bwt", terms = M("age", "lwt", "lwt_double"), tags = "collinear"), A("lm_sum", "lm", outcome = "bwt", terms = M("age", "lwt", "age_plus_lwt", "smoke"), tags = "collinear"), A("lm_dup", "lm", outcome = "bwt", terms = M("smoke", "race", "smoke_dup", c("smoke", "race")), tags = c("collinear", "interaction")), A("lr_dup", "logistic", outcome = "low", terms = M("lwt", "smoke", "smoke_dup"), tags = "collinear"),
  A("lr_sum", "logistic", outcome = "low", terms = M("age_plus_lwt", "age", "lwt"), tags = "collinear"), A("lm_constant", "lm", outcome = "bwt", terms = M("lwt", "const_all"), tags = c("collinear", "constant")), A("lr_constant", "logistic", outcome = "low", terms = M("lwt", "const_all"), tags = c("collinear", "constant")), A("lr_const_at_a", "logistic", outcome = "low", terms = M("lwt", "const_at_a"), tags = "constant-at-site"),
  A("lr_separated", "logistic", outcome = "low", terms = M("bwt"), separated = TRUE, tags = "separation:complete"), A("lr_quasi", "logistic", outcome = "low", terms = M("lwt", "quasi"), separated = TRUE, tags = "separation:quasi"), A("ridge_quasi", "logistic_ridge", outcome = "low", terms = M("lwt", "quasi"), lambda = c(0.1, 1), tags = "separation:quasi"), A("ridge_separated", "logistic_ridge", outcome = "low", terms = M("bwt", "age"), lambda = c(1), tags = "separation:complete"), A("quasi_table", "table", row = "quasi", col = "low", tags = c("2x2", "zero-cell")),
  A("ward_table", "table", row = "ward", col = "low", tags = "level-at-one-site"), A("lr_ward", "logistic", outcome = "low", terms = M("lwt", "ward"), tags = c("factor", "level-at-one-site")), A("lm_ward", "lm", outcome = "bwt", terms = M("age", "ward"), tags = c("factor", "level-at-one-site")), A("anova_ward", "anova", column = "bwt", group = "ward", tags = "level-at-one-site"),
  A("site_table", "table", row = "site", col = "low", tags = c("zero-event-site", "sparse")), A("lr_zero_c", "logistic", outcome = "low", terms = M("age", "smoke"), tags = "zero-event-site"), A("lr_zero_c_site", "logistic", outcome = "low", terms = M("age", "site"), separated = TRUE, tags = c("separation:quasi", "zero-event-site")), A("lm_site", "lm", outcome = "bwt", terms = M("smoke", "site"), tags = "site-of-one"), A("anova_site", "anova", column = "bwt", group = "site", tags = "site-of-one"), A("rank_site", "rank", column = "bwt", group = "site", tags = "site-of-one"), A("by_site", "describe_by", columns = c("bwt", "not_c", "big"), group = "site", tags = "site-of-one"),
  A("lr_not_c", "logistic", outcome = "low", terms = M("not_c", "smoke"), tags = c("missing", "site-drops-out")), A("hist_not_c", "histogram", column = "not_c", breaks = c(1, 2, 4), tags = "missing"), A("lr_one_site", "logistic", outcome = "low", terms = M("lwt", "smoke"), where = W("site", "==", "a"), tags = "where"), A("t_two_sites", "ttest", column = "bwt", group = "smoke", where = W("site", "in", c("a", "b")), tags = "where"),
  A("lm_big", "lm", outcome = "bwt", terms = M("big", "smoke"), tags = "scale"), A("lm_big_y", "lm", outcome = "big_bwt", terms = M("big", "race"), tags = "scale"), A("lr_big", "logistic", outcome = "low", terms = M("big", "smoke"), tags = "scale"), A("lm_tiny", "lm", outcome = "bwt", terms = M("tiny", "neg"), tags = "scale"), A("lr_tiny", "logistic", outcome = "low", terms = M("tiny", "neg"), tags = "scale"), A("big_t", "ttest", column = "big_bwt", group = "smoke", tags = "scale"), A("big_anova", "anova", column = "big_bwt", group = "race", tags = "scale"), A("big_rank", "rank", column = "big_bwt", group = "smoke", tags = "scale"), A("big_paired", "ttest_paired", first = "big_bwt", second = "big", tags = "scale"), A("big_cor", "correlation", columns = c("big", "big_bwt", "tiny", "neg"), tags = "scale"), A("big_roc", "roc", outcome = "low", score = "big", tags = "scale"))

wd <- c("radius_mean", "texture_mean", "perimeter_mean", "area_mean", "smoothness_mean", "compactness_mean", "concavity_mean", "concave_points_mean", "symmetry_mean", "fractal_dim_mean")
wd30 <- c(wd, sub("_mean", "_se", wd), sub("_mean", "_worst", wd))
sets$wdbc <- list(DESC, A("by_class", "describe_by", columns = wd, group = "malignant"), A("site_class", "table", row = "site", col = "malignant"), A("texture_t", "ttest", column = "texture_mean", group = "malignant"), A("texture_rank", "rank", column = "texture_mean", group = "malignant"), A("smooth_site", "anova", column = "smoothness_mean", group = "site"),
  A("cor30", "correlation", columns = wd30, tags = "wide"), A("lm_wide", "lm", outcome = "fractal_dim_worst", terms = as.list(wd), tags = "ill-conditioned"), A("lm_area", "lm", outcome = "area_mean", terms = M("radius_mean", "perimeter_mean", "texture_mean"), tags = "ill-conditioned"),
  A("lr_3", "logistic", outcome = "malignant", terms = M("texture_mean", "smoothness_mean", "symmetry_mean")), A("lr_5", "logistic", outcome = "malignant", terms = M("radius_mean", "texture_mean", "smoothness_mean", "concave_points_mean", "symmetry_mean")), A("lr_10", "logistic", outcome = "malignant", terms = as.list(wd), tags = "ill-conditioned"),
  A("lr_30_separated", "logistic", outcome = "malignant", terms = as.list(wd30), separated = TRUE, tags = "separation:complete"), A("ridge_30", "logistic_ridge", outcome = "malignant", terms = as.list(wd30), lambda = c(0.1, 1, 10), tags = c("wide", "separation:complete")), A("ridge_lm30", "lm_ridge", outcome = "texture_worst", terms = as.list(setdiff(wd30, "texture_worst")), lambda = c(1, 10), tags = "wide"),
  A("roc_area", "roc", outcome = "malignant", score = "area_worst", cutoffs = c(700, 900, 1100)))

lt <- c(90, 180, 365, 540, 730)
sets$lung <- list(DESC, A("sex_death", "table", row = "sex", col = "death", tags = "2x2"), A("ecog_sex", "table", row = "ecog", col = "sex", tags = c("sparse", "level-at-one-site")), A("age_sex_t", "ttest", column = "age", group = "sex"), A("karno_paired", "ttest_paired", first = "ph_karno", second = "pat_karno", tags = "missing"), A("age_ecog_anova", "anova", column = "age", group = "ecog", where = W("ecog", "!=", "3")), A("meal_sex_rank", "rank", column = "meal_cal", group = "sex", tags = "missing"),
  A("cor", "correlation", columns = c("age", "ph_karno", "pat_karno", "meal_cal", "wt_loss"), tags = "missing"), A("lm_meal", "lm", outcome = "meal_cal", terms = M("age", "sex", "ph_karno"), tags = "missing"), A("lr_death", "logistic", outcome = "death", terms = M("age", "sex", "ecog"), where = W("ecog", "!=", "3"), tags = "factor"),
  A("km_all", "km", time = "time", event = "death", times = lt, tau = 730), A("km_sex", "km", time = "time", event = "death", group = "sex", times = lt, tau = 730), A("logrank_sex", "logrank", time = "time", event = "death", group = "sex", strata = "site"), A("logrank_ecog", "logrank", time = "time", event = "death", group = "ecog", strata = "site", tags = "level-at-one-site"),
  A("cox_sex", "cox", time = "time", event = "death", terms = M("sex"), times = lt), A("cox_main", "cox", time = "time", event = "death", terms = M("age", "sex", "ph_ecog"), times = lt, tags = "missing"), A("cox_factor", "cox", time = "time", event = "death", terms = M("age", "sex", "ecog"), times = lt, tags = c("factor", "level-at-one-site")), A("cox_full", "cox", time = "time", event = "death", terms = M("age", "sex", "ph_ecog", "ph_karno", "pat_karno", "meal_cal", "wt_loss"), times = lt, tags = "missing"), A("cox_int", "cox", time = "time", event = "death", terms = M("age", "sex", c("age", "sex")), tags = "interaction"), A("cox_strat", "cox", time = "time", event = "death", terms = M("age", "sex", "ph_ecog"), strata = "site", tags = "strata"))

rt <- c(365, 730, 1095, 1825, 2555)
sets$rotterdam_gbsg <- list(DESC, A("hormon_rfs", "table", row = "hormon", col = "rfs", tags = "2x2"), A("size_site", "table", row = "size", col = "site"), A("grade_size", "table", row = "grade", col = "size", tags = "level-at-one-site"), A("age_meno_t", "ttest", column = "age", group = "meno"), A("age_site_t", "ttest", column = "age", group = "site"), A("nodes_size_anova", "anova", column = "nodes", group = "size"), A("pgr_site_rank", "rank", column = "pgr", group = "site"), A("cor", "correlation", columns = c("age", "nodes", "pgr", "er", "rfstime")),
  A("lm_pgr", "lm", outcome = "pgr", terms = M("er", "age", "grade", "site"), tags = c("factor", "site", "level-at-one-site")), A("lr_rfs", "logistic", outcome = "rfs", terms = M("age", "meno", "size", "grade", "nodes", "hormon"), tags = "factor"), A("lr_chemo", "logistic", outcome = "death", terms = M("chemo", "age", "nodes"), tags = c("missing", "site-drops-out")),
  A("km_site", "km", time = "rfstime", event = "rfs", group = "site", times = rt, tau = 2555), A("km_hormon", "km", time = "rfstime", event = "rfs", group = "hormon", times = rt, tau = 2555), A("logrank_hormon", "logrank", time = "rfstime", event = "rfs", group = "hormon", strata = "site"), A("logrank_size", "logrank", time = "rfstime", event = "rfs", group = "size", strata = "site"),
  A("cox_strat", "cox", time = "rfstime", event = "rfs", terms = M("age", "meno", "size", "grade", "nodes", "hormon"), strata = "site", tags = c("factor", "strata", "level-at-one-site")), A("cox_site", "cox", time = "rfstime", event = "rfs", terms = M("age", "size", "nodes", "hormon", "site"), times = rt, tags = c("factor", "site")), A("cox_death", "cox", time = "dtime", event = "death", terms = M("age", "nodes", "chemo", "hormon"), times = rt, tags = c("missing", "site-drops-out")), A("cox_int", "cox", time = "rfstime", event = "rfs", terms = M("nodes", "hormon", "meno", c("hormon", "meno")), tags = "interaction"))

sets$numerics <- list(DESC, A("by_series", "describe_by", columns = "v", group = "series", tags = "exact",
    certified = list(numacc1 = list(n = 3, mean = 10000002, sd = 1), numacc2 = list(n = 1001, mean = 1.2, sd = 0.1), numacc3 = list(n = 1001, mean = 1000000.2, sd = 0.1), numacc4 = list(n = 1001, mean = 10000000.2, sd = 0.1))), A("wampler1", "lm", outcome = "y1", terms = M("x1", "x2", "x3", "x4", "x5"), where = W("series", "==", "wampler"), tags = c("exact", "ill-conditioned"),
    certified = list(coefficients = rep(1, 6), sigma = 0, r_squared = 1)))
sets$csvquirks <- list(DESC, A("ward_event", "table", row = "ward", col = "event", tags = "sparse"), A("value_event", "ttest", column = "value", group = "event", tags = "missing"))

ct <- c(60, 120, 180, 240, 300, 360)
sets$cgd <- list(DESC, A("by_treat", "describe_by", columns = c("age", "height", "weight", "infections"), group = "treat"), A("hist_age", "histogram", column = "age", breaks = c(0, 5, 10, 15, 20, 25, 30, 45)),
  A("treat_infection", "table", row = "treat", col = "infection", tags = c("2x2", "rct")), A("inherit_infection", "table", row = "inherit", col = "infection", tags = "2x2"), A("site_treat", "table", row = "site", col = "treat", tags = "sparse"), A("steroids_infection", "table", row = "steroids", col = "infection", tags = c("2x2", "sparse")),
  A("age_treat_t", "ttest", column = "age", group = "treat"), A("weight_inherit_t", "ttest", column = "weight", group = "inherit"), A("age_site_anova", "anova", column = "age", group = "site"), A("infections_rank", "rank", column = "infections", group = "treat", tags = "ties"), A("age_rank", "rank", column = "age", group = "infection", tags = "ties"), A("cor", "correlation", columns = c("age", "height", "weight", "infections")),
  A("lm_weight", "lm", outcome = "weight", terms = M("age", "sex", "height")), A("lm_int", "lm", outcome = "height", terms = M("age", "sex", c("age", "sex")), tags = "interaction"), A("lr_treat", "logistic", outcome = "infection", terms = M("treat")), A("lr_main", "logistic", outcome = "infection", terms = M("treat", "age", "inherit", "propylac"), tags = "factor"), A("lr_int", "logistic", outcome = "infection", terms = M("treat", "age", "inherit", c("treat", "age")), tags = c("factor", "interaction")),
  A("lr_site_quasi", "logistic", outcome = "infection", terms = M("treat", "site"), separated = TRUE, tags = c("separation:quasi", "zero-event-site")), A("ridge_lr", "logistic_ridge", outcome = "infection", terms = M("treat", "age", "inherit", "propylac"), lambda = c(1, 10)), A("roc_age", "roc", outcome = "infection", score = "age", cutoffs = c(10, 20), tags = "ties"), A("table1", "table1", columns = c("age", "sex", "height", "weight", "inherit", "steroids", "propylac", "infections"), group = "treat", medians = "infections"),
  A("km_treat", "km", time = "days", event = "infection", group = "treat", times = ct, tau = 360), A("km_all", "km", time = "days", event = "infection", times = ct, tau = 360), A("logrank_treat", "logrank", time = "days", event = "infection", group = "treat", strata = "site"), A("cox_treat", "cox", time = "days", event = "infection", terms = M("treat"), times = ct), A("cox_main", "cox", time = "days", event = "infection", terms = M("treat", "age", "sex", "inherit", "steroids"), times = ct), A("cox_strat", "cox", time = "days", event = "infection", terms = M("treat", "age"), strata = "site", tags = c("strata", "zero-event-site")))
at <- c(30, 90, 180, 365, 730, 1095)
sets$aids2 <- list(DESC, A("by_site", "describe_by", columns = c("age", "time"), group = "site"), A("hist_age", "histogram", column = "age", breaks = seq(0, 90, 10)), A("cat_dead", "table", row = "tcateg", col = "dead", tags = "sparse"), A("sex_site", "table", row = "sex", col = "site"), A("site_dead", "table", row = "site", col = "dead"), A("age_sex_t", "ttest", column = "age", group = "sex"), A("age_site_anova", "anova", column = "age", group = "site"), A("age_cat_rank", "rank", column = "age", group = "tcateg", tags = "ties"), A("cor", "correlation", columns = c("age", "diag", "death"), tags = "scale"),
  A("lm_time", "lm", outcome = "time", terms = M("age", "sex", "site"), tags = c("factor", "site")), A("lr_dead", "logistic", outcome = "dead", terms = M("age", "sex", "diag"), tags = "scale"), A("lr_site", "logistic", outcome = "dead", terms = M("age", "sex", "diag", "site"), tags = c("factor", "site", "scale")), A("lr_cat", "logistic", outcome = "dead", terms = M("age", "tcateg"), tags = c("factor", "sparse")), A("ridge_lr", "logistic_ridge", outcome = "dead", terms = M("age", "sex", "tcateg"), lambda = c(1, 10)), A("roc_age", "roc", outcome = "dead", score = "age", cutoffs = c(30, 40), tags = "ties"),
  A("km_site", "km", time = "time", event = "dead", group = "site", times = at, tau = 1095, tags = "time-zero"), A("km_all", "km", time = "time", event = "dead", times = c(0, at), tau = 1095, tags = "time-zero"), A("logrank_site", "logrank", time = "time", event = "dead", group = "site"), A("logrank_cat", "logrank", time = "time", event = "dead", group = "tcateg", strata = "site", tags = "sparse"), A("cox_main", "cox", time = "time", event = "dead", terms = M("age", "sex", "tcateg"), times = at, tags = c("factor", "time-zero", "sparse")), A("cox_site", "cox", time = "time", event = "dead", terms = M("age", "sex", "site"), times = at, tags = c("factor", "site", "time-zero")), A("cox_strat", "cox", time = "time", event = "dead", terms = M("age", "diag"), strata = "site", tags = c("strata", "scale")))

here <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)); here <- if (length(here)) dirname(here[1]) else "."

## 4. ------------------------------------------------------------------------ main --
tidy <- function(x) {                           # Inf and NaN have no JSON number
  if (is.list(x)) { a <- attributes(x); x <- lapply(x, tidy); attributes(x) <- a; x }
  else if (is.numeric(x) && any(is.infinite(x))) { if (length(x) == 1) as.character(x) else { l <- lapply(x, function(v) if (is.infinite(v)) as.character(v) else v); l } }
  else x
}
run_set <- function(dir, set) {
  S <- read_set(dir); t0 <- proc.time()[[3]]
  out <- lapply(sets[[set]], function(a) {
    r <- tryCatch(kinds[[a$kind]](S, structure(a$spec, tags = a$tags)), error = function(e) stop(set, "/", a$id, ": ", conditionMessage(e), call. = FALSE))
    spec <- a$spec
    for (k in intersect(names(spec), c("columns", "medians", "lambda", "cutoffs", "times", "breaks"))) spec[[k]] <- box(spec[[k]])
    if (!is.null(spec$terms)) spec$terms <- lapply(spec$terms, box)
    if (!is.null(spec$where)) spec$where <- lapply(spec$where, function(w) { w$value <- if (w$op == "in") box(w$value) else w$value; w })
    c(list(id = a$id, kind = a$kind, tags = box(a$tags), spec = if (length(spec)) spec else setNames(list(), character())), r, if (!is.null(a$certified)) list(certified = a$certified))
  })
  doc <- list(set = set, rows = nrow(S$d), sites = lapply(S$schema$sites, function(s) list(name = s$name, rows = s$rows)),
    software = list(R = paste(R.version$major, R.version$minor, sep = "."), survival = as.character(packageVersion("survival")), pROC = as.character(packageVersion("pROC"))), analyses = out)
  j <- toJSON(tidy(doc), auto_unbox = TRUE, digits = I(15), na = "null", null = "null", pretty = FALSE)
  j <- gsub('{"id":', '\n{"id":', j, fixed = TRUE)
  writeLines(j, file.path(dir, "oracle.json"), useBytes = TRUE)
  message(sprintf("%-16s %3d analyses  %7.0f KB  %5.1f s", set, length(out), file.size(file.path(dir, "oracle.json")) / 1024, proc.time()[[3]] - t0))
}
args <- commandArgs(trailingOnly = TRUE)
ROOT <- if (length(args)) args[1] else here; want <- args[-1]
if (!interactive()) for (dir in Sys.glob(file.path(ROOT, "*"))) {
  set <- basename(dir); if (!file.exists(file.path(dir, "schema.json"))) next
  if (is.null(sets[[set]])) { message("no analyses for ", set); next }
  if (!length(want) || set %in% want) run_set(dir, set)
}
