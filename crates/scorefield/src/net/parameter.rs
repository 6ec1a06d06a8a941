//! A parameter: a flat tensor that is a leaf of the gradient graph, with the shape it is used in.

use crate::tensor::{Device, Tensor, numbers, vector};

/// One named array of weights.
#[derive(Clone, Debug)]
pub struct Parameter {
    value: Tensor<1>,
    shape: Vec<usize>,
    fixed: bool,
}

impl Parameter {
    /// A parameter from its numbers, row-major.
    ///
    /// # Panics
    /// If the numbers do not fill the shape.
    pub fn new(values: Vec<f32>, shape: &[usize], device: &Device) -> Self {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "a parameter of shape {shape:?}");
        Self { value: vector(values, device), shape: shape.to_vec(), fixed: false }
    }

    /// The parameter in the shape it is used in.
    pub fn get<const D: usize>(&self) -> Tensor<D> {
        let shape: [usize; D] = self.shape.clone().try_into().expect("a parameter is used in its own rank");
        self.value.clone().reshape(shape)
    }

    /// The same values in another shape of as many numbers.
    ///
    /// # Panics
    /// If the shape does not hold as many.
    pub fn reshaped(&self, shape: &[usize]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), self.len(), "{:?} as {shape:?}", self.shape);
        Self { value: self.value.clone(), shape: shape.to_vec(), fixed: self.fixed }
    }

    /// The same values, which training leaves as they are.
    pub fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }

    /// Whether training leaves it as it is.
    pub fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The flat values `[k]`.
    pub fn flat(&self) -> Tensor<1> {
        self.value.clone()
    }

    /// Replaces the values by what `f` makes of them; `f` owns them, so it may work in place.
    pub fn update(&mut self, f: impl FnOnce(Tensor<1>) -> Tensor<1>) {
        let device = self.value.device();
        let old = std::mem::replace(&mut self.value, Tensor::empty([0], &device));
        self.value = f(old);
        debug_assert_eq!(self.value.dims(), [self.len()]);
    }

    /// The values as plain numbers.
    pub fn numbers(&self) -> Vec<f32> {
        numbers(self.value.clone())
    }
}

/// Something with named parameters.
pub trait Parameters {
    /// Calls `f` with every parameter and its dotted name, always in the same order.
    fn visit(&self, f: &mut dyn FnMut(&str, &Parameter));
    /// The same, to change them.
    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, &mut Parameter));
}

/// How many numbers a network has.
pub fn parameter_count(net: &dyn Parameters) -> usize {
    let mut count = 0;
    net.visit(&mut |_, p| count += p.len());
    count
}

/// A network's parameters as (name, shape, numbers), in visiting order.
pub fn flatten(net: &dyn Parameters) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let mut all = Vec::new();
    net.visit(&mut |name, p| all.push((name.to_owned(), p.shape().to_vec(), p.numbers())));
    all
}

/// Sets a network's parameters on `device` from a lookup by name; the lookup's first refusal is returned.
pub fn unflatten<E>(
    net: &mut dyn Parameters,
    device: &Device,
    mut find: impl FnMut(&str, &[usize]) -> Result<Vec<f32>, E>,
) -> Result<(), E> {
    let mut refusal = None;
    net.visit_mut(&mut |name, p| {
        if refusal.is_none() {
            match find(name, p.shape()) {
                Ok(values) => *p = Parameter { fixed: p.fixed, ..Parameter::new(values, p.shape(), device) },
                Err(e) => refusal = Some(e),
            }
        }
    });
    refusal.map_or(Ok(()), Err)
}
