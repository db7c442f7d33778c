package gadgets

import (
	"math/big"

	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/multicommit"

	"multiprover/provers/groth16/internal/suite"
)

// table is a table of points. A query (index, x, y) must be one of its rows, which also bounds the index by the table's length.
type table struct {
	rows    []Point
	indices []frontend.Variable
	found   []Point
}

// lookups collects the tables of a circuit for one log-derivative argument (eprint 2022/1530).
type lookups struct {
	tables []*table
	base   *table // multiples of Base8, shared by every signature
}

func (b *Builder) newTable(rows []Point) *table {
	t := &table{rows: rows}
	b.lookups.tables = append(b.lookups.tables, t)
	return t
}

// constrain adds queries: found[i] must be row indices[i] of the table.
func (t *table) constrain(indices []frontend.Variable, found []Point) {
	t.indices = append(t.indices, indices...)
	t.found = append(t.found, found...)
}

// closeLookups proves every query of every table: with multiplicities m as advice and challenges beta, gamma drawn after all of it is committed,
//
//	Σ_rows m / (beta - e(row)) = Σ_queries 1 / (beta - e(query)),   e(id, i, x, y) = i + gamma·id + gamma²·x + gamma³·y.
//
// A query that is no row leaves a pole without its like on the left side, for any advice; the identity then holds with probability
// below (rows + queries)·4 / r. beta is gnark's commitment, gamma a hash of it.
func (b *Builder) closeLookups(api frontend.API) error {
	if len(b.lookups.tables) == 0 {
		return nil
	}
	multiplicities := make([][]frontend.Variable, len(b.lookups.tables))
	var committed []frontend.Variable
	commit := func(values ...frontend.Variable) {
		for _, v := range values {
			if _, known := api.Compiler().ConstantValue(v); !known {
				committed = append(committed, v)
			}
		}
	}
	for i, t := range b.lookups.tables {
		multiplicities[i] = b.hint(countHint, len(t.rows), t.indices...)
		commit(multiplicities[i]...)
		commit(t.indices...)
		for _, points := range [][]Point{t.rows, t.found} {
			for _, point := range points {
				commit(point.X, point.Y)
			}
		}
	}
	multicommit.WithCommitment(api, func(api frontend.API, beta frontend.Variable) error {
		state := [suite.Width]frontend.Variable{beta, 0, 0}
		b.Permute(&state)
		gamma := state[0]
		square := api.Mul(gamma, gamma)
		cube := api.Mul(square, gamma)

		var left, right []frontend.Variable
		for id, t := range b.lookups.tables {
			denominator := func(index frontend.Variable, point Point) frontend.Variable {
				entry := api.Add(index, api.Mul(gamma, id), api.Mul(square, point.X), api.Mul(cube, point.Y))
				return api.Sub(beta, entry)
			}
			for i, row := range t.rows {
				left = append(left, api.DivUnchecked(multiplicities[id][i], denominator(i, row)))
			}
			for i, found := range t.found {
				right = append(right, api.Inverse(denominator(t.indices[i], found)))
			}
		}
		api.AssertIsEqual(sum(api, left), sum(api, right))
		return nil
	}, committed...)
	return nil
}

// sum adds pairwise, so that the solver's levels stay few.
func sum(api frontend.API, values []frontend.Variable) frontend.Variable {
	switch len(values) {
	case 0:
		return big.NewInt(0)
	case 1:
		return values[0]
	default:
		middle := len(values) / 2
		return api.Add(sum(api, values[:middle]), sum(api, values[middle:]))
	}
}
