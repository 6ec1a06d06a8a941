//! The arithmetic of a U-Net: what its convolutions, its linear layers and its attention cost, read off the names and shapes of its weights.
//!
//! A kernel of k × k from c to c′ channels costs c·c′·k² multiply-adds at every pixel of the image that it makes; a linear layer of attention
//! one for each weight at every pixel, one of the noise level's embedding once an image; attention over P pixels of c channels 2·P²·c.
//! Normalisation, activations and the optimiser are not counted. Going back costs a product by the weights and one by the input; the first
//! layer has the former only, since nobody wants the gradient by the image.

use crate::net::Parameters;
use crate::net::unet::UNet;

/// Multiply-adds of one image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Work {
    /// Forward.
    pub forward: f64,
    /// Of these, the first layer's.
    pub first: f64,
}

impl Work {
    /// Of a network on images of `height` × `width`.
    pub fn of(net: &UNet, height: usize, width: usize) -> Self {
        let coarsest = net.config().block_out_channels.len() - 1;
        let mut work = Self::default();
        net.visit(&mut |name, p| {
            let weights = p.len() as f64;
            let pixels = halvings(name, coarsest).map_or(1.0, |h| ((height >> h) * (width >> h)) as f64);
            match p.shape() {
                [_, _, _, _] => work.forward += weights * pixels,
                [_, inputs] => {
                    work.forward += weights * pixels;
                    if name.ends_with("to_q.weight") {
                        work.forward += 2.0 * pixels * pixels * *inputs as f64;
                    }
                }
                _ => {}
            }
            if name == "conv_in.weight" {
                work.first = weights * pixels;
            }
        });
        work
    }

    /// Of a training step: forward, and back to the parameters.
    pub fn step(&self) -> f64 {
        3.0 * self.forward - self.first
    }
}

/// How often the image that a weight makes has been halved; `None` for a weight that sees no image.
fn halvings(name: &str, coarsest: usize) -> Option<usize> {
    let mut parts = name.split('.');
    let (room, block) = (parts.next()?, parts.next()?);
    if name.contains("time_emb") || room.starts_with("time") || room.starts_with("class") {
        return None;
    }
    let block = block.parse::<usize>().ok();
    let moves = usize::from(parts.next().is_some_and(|part| part == "downsamplers" || part == "upsamplers"));
    Some(match (room, block) {
        ("down_blocks", Some(block)) => block + moves,
        ("up_blocks", Some(block)) => coarsest - block - moves,
        ("mid_block", _) => coarsest,
        _ => 0,
    })
}
