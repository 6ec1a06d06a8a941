//! A shifted noise level is a rotation of its features, and a linear layer takes a rotation in.
//!
//! The features of a level c are cos(f_i·c) and sin(f_i·c). Those of c − k are
//! cos(f(c − k)) = cos(fc)·C + sin(fc)·S and sin(f(c − k)) = sin(fc)·C − cos(fc)·S, with C = cos(fk) and S = sin(fk),
//! so W·φ(c − k) = W′·φ(c) with the columns w′_cos = w_cos·C − w_sin·S and w′_sin = w_cos·S + w_sin·C: exactly, whatever W.

/// Rotates the columns of `weight` `[rows, features]` so that the layer sees c − `shift` where it is given c. `frequencies` are f_i,
/// two features each: the cosines first and then the sines, or the other way round. A last, odd feature stays as it is.
pub(super) fn shift_level(weight: &mut [f32], features: usize, frequencies: &[f64], cosines_first: bool, shift: f64) {
    let half = frequencies.len();
    for row in weight.chunks_exact_mut(features) {
        for (i, f) in frequencies.iter().enumerate() {
            let (sin, cos) = (f * shift).sin_cos();
            let (at_cos, at_sin) = if cosines_first { (i, half + i) } else { (half + i, i) };
            let (w_cos, w_sin) = (f64::from(row[at_cos]), f64::from(row[at_sin]));
            row[at_cos] = (w_cos * cos - w_sin * sin) as f32;
            row[at_sin] = (w_cos * sin + w_sin * cos) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rotated_layer_gives_at_c_what_the_layer_gave_at_c_minus_the_shift() {
        let frequencies = [1.0, 0.1, 0.003];
        let weight: Vec<f32> = (0..14).map(|i| (i as f32 * 1.7).sin()).collect();
        for cosines_first in [true, false] {
            let apply = |weight: &[f32], c: f64| -> Vec<f64> {
                let mut features: Vec<f64> = frequencies.iter().map(|f| (f * c).cos()).collect();
                let sines = frequencies.iter().map(|f| (f * c).sin());
                if cosines_first {
                    features.extend(sines);
                } else {
                    features.splice(0..0, sines.collect::<Vec<_>>());
                }
                features.push(0.0);
                weight.chunks(7).map(|row| row.iter().zip(&features).map(|(w, x)| f64::from(*w) * x).sum()).collect()
            };
            let mut rotated = weight.clone();
            shift_level(&mut rotated, 7, &frequencies, cosines_first, 0.37);
            for c in [-1.3, 0.0, 0.8] {
                let (a, b) = (apply(&rotated, c), apply(&weight, c - 0.37));
                assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6), "{a:?} {b:?}");
            }
        }
    }
}
