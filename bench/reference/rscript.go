package reference

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// RCost is what R needed, as R measured it.
type RCost struct {
	Version string
	Read    float64 // seconds: reading the CSV file
	Fit     float64 // seconds: glm itself, the largest part of which is its QR decomposition
}

// ErrNoR says that there is no Rscript on this machine.
var ErrNoR = errors.New("reference: no Rscript on this machine: R's glm was not run")

// glm is run by Rscript with the directory as its argument. The columns come
// ready made, the intercept among them, so that both fit the same matrix.
const glm = `dir <- commandArgs(TRUE)[1]
t0 <- proc.time()[["elapsed"]]
d <- as.matrix(read.csv(file.path(dir, "rows.csv"), header = FALSE, colClasses = "numeric"))
t1 <- proc.time()[["elapsed"]]
p <- ncol(d) - 1
f <- glm.fit(d[, 1:p, drop = FALSE], d[, p + 1], family = binomial(), control = list(epsilon = 1e-14), intercept = FALSE)
t2 <- proc.time()[["elapsed"]]
v <- chol2inv(f$qr$qr[seq_len(f$rank), seq_len(f$rank), drop = FALSE])
number <- function(x) paste0("[", paste(ifelse(is.na(x), "null", formatC(x, digits = 17, format = "g")), collapse = ","), "]")
cat(sprintf('{"beta":%s,"se":%s,"deviance":%.17g,"rounds":%d,"rank":%d,"read":%g,"fit":%g,"version":"%s"}',
  number(unname(coef(f))), number(sqrt(diag(v))), f$deviance, f$iter, f$rank, t1 - t0, t2 - t1, as.character(getRversion())))
`

// RLogistic fits a logistic model with R's glm.fit (epsilon = 1e-14: its default
// stops a step early). Rows go to R through a CSV file in a temporary directory,
// which is removed. ErrNoR when there is no Rscript.
func RLogistic(ctx context.Context, d *Data) (*Fit, *RCost, error) {
	rscript, err := exec.LookPath("Rscript")
	if err != nil {
		return nil, nil, ErrNoR
	}
	dir, err := os.MkdirTemp("", "consilium-glm-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	if err := writeRows(filepath.Join(dir, "rows.csv"), d); err != nil {
		return nil, nil, fmt.Errorf("reference: rows for R: %w", err)
	}
	out, err := exec.CommandContext(ctx, rscript, "--vanilla", "-e", glm, dir).Output()
	if err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, nil, fmt.Errorf("reference: Rscript: %w", err)
	}
	var r struct {
		Beta, SE            []float64
		Deviance, Read, Fit float64
		Rounds, Rank        int
		Version             string
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, nil, fmt.Errorf("reference: what Rscript wrote: %w", err)
	}
	if p := len(d.Names); r.Rank != p || len(r.Beta) != p || len(r.SE) != p {
		return nil, nil, fmt.Errorf("reference: R finds %d independent columns of %d", r.Rank, p)
	}
	return &Fit{Names: d.Names, Beta: r.Beta, SE: r.SE, Deviance: r.Deviance, Rows: d.Rows, Rounds: r.Rounds},
		&RCost{Version: r.Version, Read: r.Read, Fit: r.Fit}, nil
}

// writeRows writes matrix and outcome without a header.
func writeRows(path string, d *Data) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w, p := bufio.NewWriterSize(f, 1<<16), len(d.Names)
	x, y, line := make([]float64, p*blockRows), make([]float64, blockRows), []byte(nil)
	for lo := 0; lo < d.Rows; lo += blockRows {
		hi := min(lo+blockRows, d.Rows)
		n := hi - lo
		d.Fill(lo, hi, x, y)
		for i := range n {
			line = line[:0]
			for j := range p {
				line = append(strconv.AppendFloat(line, x[j*n+i], 'g', -1, 64), ',')
			}
			line = append(strconv.AppendFloat(line, y[i], 'g', -1, 64), '\n')
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}
