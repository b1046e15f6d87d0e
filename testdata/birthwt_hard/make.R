#!/usr/bin/env Rscript
# Rscript testdata/birthwt_hard/make.R testdata
#
# Makes the files of this folder, but for oracle.json and oracle.yaml, from ../birthwt.
suppressPackageStartupMessages(library(jsonlite))
root <- commandArgs(trailingOnly = TRUE)[1]
out <- file.path(root, "birthwt_hard")
d <- do.call(rbind, lapply(c("north", "centre", "south"), function(s) read.csv(file.path(root, "birthwt", paste0(s, ".csv")))))
n <- nrow(d); i <- seq_len(n)

# Hospital c has no event, one hospital has one patient, one has none.
site <- ifelse(i %% 5 == 0 & d$low == 0, "c", ifelse(i %% 2 == 0, "a", "b"))
site[1] <- "single"

x <- data.frame(low = d$low, bwt = d$bwt, age = d$age, lwt = d$lwt, race = d$race, smoke = d$smoke)
x$lwt_double <- 2 * d$lwt                                         # exactly proportional
x$age_plus_lwt <- d$age + d$lwt                                   # exactly a sum of two others
x$smoke_dup <- d$smoke                                            # a column twice
x$const_all <- 7                                                  # constant everywhere
x$const_at_a <- ifelse(site == "a", 30, d$age)                    # constant at one hospital
x$ward <- ifelse(site == "b" & i %% 3 == 0, "w3", ifelse(i %% 4 == 0, "w2", "w1"))   # w3 at b only, w4 nowhere
x$quasi <- as.integer(d$low == 1 & i %% 4 == 0)                   # 1 in some events, never in a non-event
x$not_c <- ifelse(site == "c" | i %% 11 == 0, NA, d$ftv)          # wholly missing at c
x$never <- NA                                                     # missing everywhere
x$big <- 1000000000 + d$age                                       # 1e9 away from its spread
x$big_bwt <- 1000000000 + d$bwt
x$tiny <- sprintf("%.9f", d$lwt * 1e-9)
x$neg <- -d$age / 4

for (s in c("a", "b", "c", "single", "empty"))
  write.csv(x[site == s, ], file.path(out, paste0(s, ".csv")), row.names = FALSE, quote = FALSE, na = "")

num <- function(name, unit = "-", ...) list(name = name, type = "numeric", unit = unit, description = paste0(...))
bin <- function(name, ...) list(name = name, type = "binary", unit = "0 = no, 1 = yes", description = paste0(...))
fac <- function(name, levels, ...) list(name = name, type = "categorical", levels = levels, unit = "category; first level is the reference", description = paste0(...))
schema <- list(set = "birthwt_hard", title = "Deliberately awkward columns and hospitals built on birthwt", rows = n,
  sites = lapply(c("a", "b", "c", "single", "empty"), function(s) list(name = s, file = paste0(s, ".csv"), rows = sum(site == s))),
  columns = list(bin("low", "birth weight < 2.5 kg; never at hospital c"), num("bwt", "g", "birth weight: separates low completely"), num("age", "years", "mother's age"), num("lwt", "pounds", "mother's weight"),
    fac("race", c("white", "black", "other"), "race"), bin("smoke", "smoked during pregnancy"), num("lwt_double", "half pounds", "2 lwt"), num("age_plus_lwt", "-", "age + lwt"), bin("smoke_dup", "smoke again"),
    num("const_all", "-", "7 everywhere"), num("const_at_a", "years", "30 at hospital a, age elsewhere"), fac("ward", c("w1", "w2", "w3", "w4"), "w3 at hospital b only, w4 nowhere"), bin("quasi", "1 in some events only: quasi-complete separation"),
    num("not_c", "count", "visits; wholly missing at hospital c"), num("never", "-", "missing everywhere"), num("big", "-", "1e9 + age"), num("big_bwt", "-", "1e9 + bwt"), num("tiny", "-", "1e-9 lwt"), num("neg", "-", "-age / 4")),
  missing = "empty field")
writeLines(toJSON(schema, auto_unbox = TRUE, pretty = TRUE), file.path(out, "schema.json"))
