// Backward of gather: row r of the result is Σ over positions p with indices[p] = r of values[p, …].
// Each output, or each row of them, walks the index list in order: no atomics, so a sum has one order and the same bits
// every time.
// In a reduction whose rows are the outputs and whose columns are the positions, this folds one column:
fn scatter_add(total: f32, value: f32, index: u32, row: u32) -> f32 { return select(total, total + value, index == row); }
