# Rscript testdata/distributions.R > testdata/distributions.csv
cat("# R ", as.character(getRversion()), ": function,argument,first df,second df,value\n", sep = "")
line <- function(...) cat(paste(sapply(list(...), function(v) if (is.character(v)) v else sprintf("%.17g", v)), collapse = ","), "\n", sep = "")
dfs <- c(0.5, 1, 1.5, 2, 3, 4, 5.7, 10, 30.25, 100, 851, 1e4, 123456.5, 1e6, 1e8)
for (z in c(0, 1e-8, 0.1, 0.5, 1, 1.96, 3, 5, 8, 12, 20, 30, 37)) line("normal", z, 0, 0, 2 * pnorm(-abs(z)))
for (df in dfs) {
  for (t in c(0, 1e-6, 0.01, 0.3, 0.7, 1, 1.5, 2, 3, 4.5, 7, 10, 15, 25, 40, 100, 1e3, 1e5, 1e10)) { p <- 2 * pt(-t, df); if (p > 1e-300) line("t", t, df, 0, p) }
  for (x in c(1e-6, 0.001, 0.1, 0.5, 0.9, 0.99, 1, 1.01, 1.1, 1.5, 2, 3, 5, 10, 30, 100, 500, 1300)) for (s in if (df > 1) c(1, df) else 1) { p <- pchisq(x * s, df, lower.tail = FALSE); if (p > 1e-300) line("chi", x * s, df, 0, p) }
  for (d1 in c(1, 2, 3, 7, 25, 400, 1e4)) for (f in c(1e-4, 0.05, 0.5, 0.9, 1, 1.1, 1.7, 3, 6, 15, 50, 400, 1e5)) { p <- pf(f, d1, df, lower.tail = FALSE); if (p > 1e-300) line("f", f, d1, df, p) }
  for (p in c(0.6, 0.9, 0.95, 0.975, 0.995, 0.9995)) line("qt", p, df, 0, qt(1 - p, df, lower.tail = FALSE))
}
