//! Between two latents: the great circle, on which standard normal numbers keep their length (Shoemake 1985; White 2016).

/// `count` points from `a` to `b`, both included, `[count, d]`: sin((1 − t)Ω)/sin Ω·a + sin(tΩ)/sin Ω·b with Ω the angle between them.
pub fn spherical(a: &[f64], b: &[f64], count: usize) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let angle = (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).clamp(-1.0, 1.0).acos();
    let last = count.saturating_sub(1).max(1) as f64;
    let at = |i: usize| {
        let t = i as f64 / last;
        // Along one direction, or against it, there is no one great circle: a straight line.
        let (of_a, of_b) = if angle.sin().abs() < 1e-9 || angle.is_nan() {
            (1.0 - t, t)
        } else {
            (((1.0 - t) * angle).sin() / angle.sin(), (t * angle).sin() / angle.sin())
        };
        a.iter().zip(b).map(move |(a, b)| of_a * a + of_b * b)
    };
    (0..count).flat_map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_keeps_the_length_begins_and_ends_right_and_has_equal_steps() {
        let (a, b) = ([3.0, 0.0, 4.0], [0.0, 5.0, 0.0]);
        let way = spherical(&a, &b, 5);
        let rows: Vec<&[f64]> = way.chunks(3).collect();
        let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        assert!(distance(rows[0], &a) < 1e-12 && distance(rows[4], &b) < 1e-12);
        for pair in rows.windows(2) {
            assert!((distance(pair[0], pair[1]) - distance(rows[0], rows[1])).abs() < 1e-12);
            assert!((distance(pair[0], &[0.0; 3]) - 5.0).abs() < 1e-12);
        }
        assert_eq!(spherical(&a, &a, 2), [a, a].concat());
    }
}
