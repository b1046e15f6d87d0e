# R 4.2.2: Rscript testdata/golden.R > testdata/golden.txt (run in engine/formula)
# R's terms() and model.matrix() of made-up data, for TestModelMatrixIsRs.
# factor() takes ref as the study file's formulas do; site is not part of the
# data frame, so that '.' does not stand for it.
factor <- function(x, ref = NULL) {
  f <- droplevels(base::factor(x))
  if (is.null(ref)) f else stats::relevel(f, ref)
}
d <- data.frame(
  y       = c(12.5, 3.1, 7.7, 9.9, 1.2, 15.3, 8.4, 6.6, 2.8, 10.1, 4.9, 11.7),
  age     = c(34, 51, 67, 45, 72, 29, 58, 61, 40, 77, 53, 36),
  chol    = c(233.25, 286, 199.9, 250.125, 204, 236.5, 354.75, 192, 263.3, 199, 168.4, 239.05),
  oldpeak = c(2.3, 1.5, -0.6, 3.5, 0, 1.4, 0.8, 0.6, -1.2, 0.4, 1.3, 2.7),
  sex     = base::factor(c("male", "female", "male", "male", "female", "female", "male", "female", "male", "male", "female", "female"), c("female", "male")),
  race    = base::factor(c("white", "black", "other", "white", "black", "white", "other", "black", "white", "other", "black", "white"), c("white", "black", "other")),
  stage   = base::factor(c("I", "II", "III", "IV", "I", "II", "III", "IV", "II", "I", "IV", "III"), c("I", "II", "III", "IV")),
  ward    = base::factor(c("c", "a", "c", "a", "a", "c", "c", "a", "c", "a", "c", "a"), c("a", "b", "c")),
  smoke   = c(0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1),
  ht      = c(1, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0),
  ecog    = c(0, 1, 2, 1, 0, 3, 2, 1, 0, 2, 1, 3),
  `my var` = c(2, 5, 3, 4, 8, 1, 7, 6, 9, 2, 3, 5),
  `my f`  = base::factor(c("p", "q", "q", "p", "p", "q", "p", "q", "q", "p", "q", "p"), c("p", "q")),
  check.names = FALSE)
site <- base::factor(c("A", "A", "B", "C", "B", "C", "A", "B", "C", "A", "B", "C"), c("A", "B", "C"))

formulas <- c(
  "y ~ 1", "y ~ 0 + age", "y ~ age", "y ~ age + sex", "y ~ sex + age", "y ~ race", "y ~ race - 1", "y ~ 0 + race + sex",
  "y ~ age * sex", "y ~ age:sex", "y ~ sex:age", "y ~ sex + age:sex", "y ~ age + age:sex", "y ~ 0 + age:sex", "y ~ 0 + age + age:sex",
  "y ~ race * sex", "y ~ race:sex", "y ~ race + race:sex", "y ~ sex + race:sex", "y ~ race * sex - race", "y ~ race * sex - sex",
  "y ~ race * sex - race - sex", "y ~ race * sex - 1", "y ~ 0 + race:sex", "y ~ 0 + race * sex - race", "y ~ 0 + age:race + sex",
  "y ~ (age + race + sex)^2", "y ~ (age + race + sex)^3 - age:race:sex", "y ~ (race + sex)^5", "y ~ race * sex * stage",
  "y ~ race:sex:stage", "y ~ race:sex + sex:stage", "y ~ race:sex + race:stage", "y ~ stage + race:sex + race:stage + sex:stage",
  "y ~ race:sex:stage + race", "y ~ race:sex:stage + race:sex", "y ~ 0 + race:sex + stage", "y ~ 0 + age + race:sex",
  "y ~ age * race * sex", "y ~ race:age:sex", "y ~ sex:race + race:sex", "y ~ sex + age + age + sex:age + age:sex",
  "y ~ stage + sex:race + race:stage", "y ~ age - race + race:sex", "y ~ (age + sex):(race + smoke)",
  "y ~ (age + 0) * race", "y ~ race + (age - 1)", "y ~ race - (age - 1)", "y ~ -1 + race", "y ~ -age + race", "y ~ +age", "y ~ -1 + 1", "y ~ 0 + 1 + sex",
  "y ~ age^2 + I(age^2)", "y ~ (age * sex)^2", "y ~ ((age + sex) * race)", "y ~ (age) + (sex)", "y ~ (age + sex) - (age)",
  "log(y) ~ log(chol) + sqrt(age) + exp(oldpeak)", "log(y) ~ log2(chol) + log10(chol) + log2(age) + log10(ecog + 1)", "sqrt(y) ~ log(age) * sex",
  "I(y^2) ~ I(age - 50) + I((age - 50)^2)", "y^2 ~ age", "y + 1 ~ age", "y ~ I(age^2) + I(age^3) + I(oldpeak^2) + I(chol^1.5) + I(oldpeak^5)",
  "y ~ I(1/age) + I(age/10) + I(age/3) + I(chol/age) + I(-oldpeak) + I(+age)", "y ~ I(2 * oldpeak + 1) + I(oldpeak - (-1)) + I(age*-2)",
  "y ~ I(oldpeak*100000) + I(age*123456) + I(age*0.0001) + I(age*1e-3) + I(age*3.14159265358979323846) + I(1e15*age) + I(age*.50)",
  "y ~ I(-oldpeak^2) + I((-oldpeak)^2) + I(age^-1) + I(age^(-2)) + I(2^ecog) + I(2^ecog^2) + I(age-1-1) + I(age-(1-1))",
  "y ~ I(age**2) + log( age +  1 )", "y ~ log(sqrt(age) + exp(-oldpeak / 2)) + I(log(age) * 2)", "y ~ I(smoke * ht) + I(1 - smoke)",
  "y ~ smoke", "y ~ factor(smoke)", "y ~ factor(smoke) * ht", "y ~ smoke:sex", "y ~ factor(ecog)", "y ~ factor(ecog) * sex", "y ~ factor(ecog):age",
  "y ~ factor(sex) + age", "y ~ factor(race, ref = \"black\")", "y ~ factor(race, ref = 'other') * sex", "y ~ 0 + factor(race, ref = \"black\")",
  "y ~ factor(ecog, ref = \"2\") + factor(smoke, ref = \"1\")", "y ~ ward", "y ~ ward * age", "y ~ 0 + ward:sex", "y ~ factor(ward, ref = \"c\")",
  "y ~ .", "y ~ . - chol", "y ~ . - age - `my var`", "log(y) ~ .", "y ~ . + log(age)", "y ~ age + .", "y ~ (age + sex + race) * site", "y ~ . + site", "y ~ .:sex",
  "y ~ `my var` + `my f`", "y ~ `my var`:`my f` + log(`my var`) + factor(`my f`)", "y ~ age + offset(log(chol))", "y ~ offset(chol) + sex + offset(oldpeak)",
  "y ~ site", "y ~ site * sex", "y ~ 0 + site", "smoke ~ age + sex + site", "I(y + oldpeak) ~ oldpeak", "y ~ log(y)", "~ age + sex", "~ .", "~ race:sex - 1")

line <- function(key, values) cat(paste(c(key, values), collapse = "\t"), "\n", sep = "")
num <- function(x) formatC(x, digits = 17, width = 1, format = "g")

cat("# ", R.version.string, ": Rscript testdata/golden.R > testdata/golden.txt (run in engine/formula)\n", sep = "")
for (n in names(d)) line("data", c(n, if (is.factor(d[[n]])) as.character(d[[n]]) else num(d[[n]])))
line("data", c("site", as.character(site)))
for (src in formulas) {
  f <- as.formula(src)
  t <- terms(f, data = d)
  mf <- model.frame(f, d, drop.unused.levels = TRUE)
  x <- model.matrix(terms(mf), mf)
  line("formula", src)
  line("labels", attr(t, "term.labels"))
  line("scope", drop.scope(t))
  line("columns", colnames(x))
  line("assign", attr(x, "assign"))
  for (i in seq_len(nrow(x))) line("row", num(x[i, ]))
  if (!is.null(model.response(mf))) line("outcome", num(as.numeric(model.response(mf))))
  if (!is.null(model.offset(mf))) line("offset", num(model.offset(mf)))
  # A constant of more than 15 digits is not found again by its label.
  if (length(f) == 3 && !any(all.names(f) == ".")) for (term in grep("3.14159", drop.scope(t), value = TRUE, invert = TRUE)) {
    g <- update(f, paste(". ~ . -", term))
    line("without", c(term, colnames(model.matrix(g, model.frame(g, d, drop.unused.levels = TRUE)))))
  }
}
