# Rscript testdata/fisher.R > testdata/fisher.csv
cat("# R ", as.character(getRversion()), ": a,b,c,d,p of fisher.test\n", sep = "")
set.seed(7)
line <- function(t) cat(paste(c(t[1, 1], t[1, 2], t[2, 1], t[2, 2], sprintf("%.17g", fisher.test(t)$p.value)), collapse = ","), "\n", sep = "")
for (t in list(c(0, 5, 5, 0), c(3, 0, 0, 3), c(1, 0, 0, 1), c(10, 10, 10, 10), c(1, 9, 11, 3), c(0, 12, 30, 400), c(1000, 1100, 900, 1000), c(5, 20000, 30, 21000), c(400, 1, 2, 500), c(120, 4, 4, 120)))
  line(matrix(t, 2, byrow = TRUE))
for (i in 1:150) { m <- 10^runif(1, 0.3, 3.5); line(matrix(rpois(4, m * runif(4, 0.2, 1)) + c(1, 0, 0, 1), 2)) }
