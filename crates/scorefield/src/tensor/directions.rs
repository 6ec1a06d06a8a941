//! Several directions a point: `[M·n, d]` with direction m of point i in row m·n + i.

use super::{Device, Tensor, TensorData};

/// The products aᵢᵀbᵢ of `n` points as `[n, M]`: `a` is `[M·n, d]`, `b` the same or one row a point, `[n, d]`.
pub fn row_dots(a: Tensor<2>, b: Tensor<2>, n: usize) -> Tensor<2> {
    by_point(times_rows(a, b).sum_dim(1), n)
}

/// One number a direction, `[M·n, 1]`, as `[n, M]`.
pub fn by_point(t: Tensor<2>, n: usize) -> Tensor<2> {
    let m = t.dims()[0] / n.max(1);
    match m {
        1 => t,
        m => t.reshape([m, n]).transpose(),
    }
}

/// `t` `[M·n, d]` times `c`, which is `[n, d]`, `[n, 1]`, `[1, d]` or `[1, 1]` and the same for every direction.
pub fn times_rows(t: Tensor<2>, c: Tensor<2>) -> Tensor<2> {
    let ([rows, d], [n, width]) = (t.dims(), c.dims());
    if n == 1 || n == rows {
        return t * c;
    }
    (t.reshape([rows / n, n, d]) * c.reshape([1, n, width])).reshape([rows, d])
}

/// `c` `[n, d]` once for each of `m` directions: `[m·n, d]`.
pub fn for_each_direction(c: Tensor<2>, m: usize) -> Tensor<2> {
    if m == 1 { c } else { c.repeat_dim(0, m) }
}

/// Unit vectors e_first, …, e_(first+m−1) for each of `n` points: `[m·n, d]`.
pub fn unit_vectors(n: usize, d: usize, first: usize, m: usize, device: &Device) -> Tensor<2> {
    let mut values = vec![0.0f32; m * n * d];
    for j in 0..m {
        for i in 0..n {
            values[(j * n + i) * d + first + j] = 1.0;
        }
    }
    Tensor::from_data(TensorData::new(values, [m * n, d]), device)
}
