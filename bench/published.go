package bench

// published are the workloads of published systems, at their sizes. What is said
// of each system is what its source says; where a source does not say it, neither do we.
func published() Suite {
	const notSaid = "not stated in the abstract"
	spindle := &Published{System: "SPINDLE", Figure: "less than three minutes", Seconds: [2]float64{0, 180},
		Source:   "Froelicher et al., Scalable Privacy-Preserving Distributed Learning, PoPETs 2021(2):323-347, arXiv 2005.09532, abstract",
		Hardware: notSaid, Disclosure: "data and model stay encrypted under a collective key", Threat: "passive, up to N-1 of N colluding",
		Note: "gradient descent there, Newton's method here; standard errors and tests only here"}
	zhejiang := &Published{System: "Zhejiang Lab's platform", Figure: "about 7 minutes to train, about 20 minutes to evaluate", Seconds: [2]float64{1620, 1620},
		Source:   "Lu et al., Web-Based Privacy-Preserving Multicenter Medical Data Analysis Tools Via Threshold Homomorphic Encryption, J Med Internet Res 2020;22(12):e22555, abstract",
		Hardware: "client and server; no more in the abstract", Disclosure: "data and model stay encrypted under a threshold key", Threat: notSaid,
		Note: "the number of hospitals is not in the abstract, three here; of an encrypted model scores are rounded to 0.01 here"}
	zhejiangCox := &Published{System: "Zhejiang Lab's Cox regression", Figure: "about 44 min", Seconds: [2]float64{2640, 2640},
		Source:   "Lu et al., Multicenter Privacy-Preserving Cox Analysis Based on Homomorphic Encryption, IEEE J Biomed Health Inform 2021;25(9):3310-3320, doi:10.1109/JBHI.2021.3071270, abstract",
		Hardware: notSaid, Disclosure: "the steps are computed under homomorphic encryption; no more in the abstract", Threat: notSaid,
		Note: "the number of hospitals is not in the abstract, ten here; reading the hospitals' CSV files is in our seconds"}
	drynx := &Published{System: "Drynx", Figure: "less than 2 seconds to train, less than 22 seconds to verify every proof", Seconds: [2]float64{0, 2},
		Source:   "Froelicher, Troncoso-Pastoriza, Sousa, Hubaux, Drynx, arXiv 1902.03785, abstract",
		Hardware: "12 data providers, 6 computing nodes; no more in the abstract", Disclosure: "the result, with differential privacy where it is asked for", Threat: "strong: no single party is trusted; inputs and computation proved in zero knowledge",
		Note: "its proofs detect wrong inputs, ours do not"}
	spdz := &Published{System: "MP-SPDZ 0.3.8, as a user ran it", Figure: "316 minutes", Seconds: [2]float64{18960, 18960},
		Source:   "github.com/data61/MP-SPDZ/issues/1347, a user's report of 3 April 2024, not its authors' benchmark",
		Hardware: "one machine with 32 cores, local execution", Disclosure: "nothing on the way", Threat: "Shamir sharing among three computing parties, an honest majority that follows the protocol",
		Note: "generic computation on any function; one thread was seen active. CovType there, drawn records here"}
	easy := &Published{System: "EasySMPC", Figure: "less than 300 s", Seconds: [2]float64{0, 300},
		Source:   "Wirth et al., EasySMPC, BMC Bioinformatics 2022;23:531, abstract",
		Hardware: "e-mail between the parties; no more in the abstract", Disclosure: "the sums", Threat: notSaid,
		Note: "most of the time there is e-mail; no network here"}
	prio := &Published{System: "Prio3SumVec", Figure: "no published figure of this size was found; suite references runs circl's implementation here",
		Source:   "Corrigan-Gibbs and Boneh, Prio, NSDI 2017; draft-irtf-cfrg-vdaf; github.com/cloudflare/circl/vdaf/prio3",
		Hardware: "two aggregators", Disclosure: "the sums", Threat: "two aggregators of which one is honest; clients prove that their numbers are in range",
		Note: "another trust: its sums need two aggregators who do not collude, ours none; its proofs detect numbers out of range"}

	fit := func(name string, p *Published, hospitals, rows, covariates int, about, aboutModel float64) []Scenario {
		s := Scenario{Name: name, Analysis: "logistic", Hospitals: hospitals, Rows: rows, Covariates: covariates, Reveal: "sums", Network: InMemory, Published: p, About: about, Prepare: inMemory(logistic)}
		m := s
		m.Reveal, m.About, m.Runs = "model", aboutModel, 1
		if hospitals > measuredHospitals[len(measuredHospitals)-1] {
			m.Prepare = projected(logistic)
		}
		return []Scenario{s, m}
	}
	var all []Scenario
	all = append(all, fit("spindle/logistic/hospitals=160/rows=1000000/covariates=32", spindle, 160, 1_000_000, 32, 15, 70)...)
	cv := fit("zhejiang/logistic-10-folds/hospitals=3/rows=49152/covariates=10", zhejiang, 3, 49_152, 10, 2, 60)
	for i := range cv {
		cv[i].Analysis, cv[i].Prepare = "logistic, 10-fold cross-validation, AUC", crossValidated
		if cv[i].Reveal == "sums" {
			cv[i].Prepare = crossValidatedByKey
		}
	}
	all = append(all, cv...)
	for _, s := range []Scenario{ // beside a sum over everyone at risk each week, the hospitals' own likelihoods
		{Name: "zhejiang/cox-by-week/hospitals=10/rows=113035/covariates=9", Analysis: "cox, Efron's ties, time in weeks, from CSV files", Prepare: fromCSV(coxByWeek)},
		{Name: "zhejiang/cox-by-hospital/hospitals=10/rows=113035/covariates=9", Analysis: "cox, Efron's ties, time in days, strata: site, from CSV files", Prepare: fromCSV(coxByHospital)},
	} {
		s.Hospitals, s.Rows, s.Covariates, s.Reveal, s.Network, s.Published, s.About = coxHospitals, 113_035, coxCovariates, "sums", InMemory, zhejiangCox, 8
		all = append(all, s)
	}
	all = append(all, fit("drynx/logistic/hospitals=12/rows=600000/covariates=12", drynx, 12, 600_000, 12, 3, 25)...)
	all = append(all, fit("mp-spdz/logistic/hospitals=3/rows=7000/covariates=54", spdz, 3, 7_000, 54, 0.5, 40)...)
	sum := func(name string, p *Published, hospitals, cells int, about float64) {
		all = append(all, Scenario{Name: name, Analysis: "masked sum", Hospitals: hospitals, Cells: cells, Reveal: "sums", Network: InMemory, Published: p, About: about, Prepare: maskedSum})
	}
	sum("easysmpc/sum/hospitals=20/cells=10000", easy, 20, 10_000, 0.6)
	sum("prio3/sum/hospitals=3/cells=1000", prio, 3, 1_000, 0.1)
	sum("prio3/sum/hospitals=3/cells=1000000", prio, 3, 1_000_000, 2)
	return Suite{"published", "the workloads of published systems, at their sizes", all}
}
