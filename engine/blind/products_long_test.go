//go:build long

package blind

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/consilium-health/consilium/engine/stat"
	"github.com/consilium-health/consilium/protocols/mhe"
)

// What the finest grid costs.
func TestProductsOfTheFinestGrid(t *testing.T) {
	p, err := mhe.NewParams(mhe.Standard())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		x       stat.Products
		members int
	}{{rankOfTwo(100), 10}, {areaTied(65536), 3}} {
		began := time.Now()
		l := newPlan(t, p, c.members, productsJob(c.x))
		checkProducts(t, p, c.x, draw(rand.New(rand.NewPCG(5, 5)), c.x, c.members, 3000, "spread"), 12)
		t.Logf("%d cells, %d members: %s, %+v", c.x.Cells, c.members, time.Since(began).Round(time.Millisecond), l.Cost())
	}
}
