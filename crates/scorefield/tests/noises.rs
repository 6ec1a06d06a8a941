//! Denoising score matching under noise that is not Gaussian learns the score of the noisy distribution, which quadrature knows on the line.

use scorefield::density;
use scorefield::diagnostic::{Question, fisher, truth};
use scorefield::recipe::{Layers, Origin, Target, train_new};
use scorefield::tensor::Device;

fn layers(settings: &[(&str, &str)]) -> Layers {
    settings.iter().fold(Layers::new(), |layers, (key, value)| layers.set(key, value, Origin::Flag("test".to_owned())).unwrap())
}

#[test]
fn the_score_under_laplace_logistic_and_student_t_noise_is_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::flex();
    let p = density::mixture("mixture-1d").unwrap();
    for noise in ["laplace", "logistic", "student-t"] {
        let run = folder.path().join(noise);
        let settings = [
            ("data.source", "density:mixture-1d"),
            ("noise.name", noise),
            ("schedule.name", "single"),
            ("schedule.sigma", "0.5"),
            ("net.width", "64"),
            ("net.depth", "2"),
            ("net.embedding", "16"),
            ("train.steps", "1000"),
            ("train.lr", "3e-3"),
            ("train.warmup", "50"),
            ("train.ema", "100"),
        ];
        train_new(layers(&settings).build().unwrap(), &run, &device, &mut ()).unwrap();
        let target = Target::open(run.to_str().unwrap(), &device).unwrap();
        let question = Question { noise: target.noise(), n: 4000, ..Question::new("explicit", 0.5) };
        let against = |exact| {
            let question = Question { exact, ..question.clone() };
            fisher(target.score(), &p.clone().held_out(), &question).unwrap().relative_fisher_divergence.unwrap()
        };
        let divergence = against(truth(&density::open("mixture-1d").unwrap(), &target.noise()));
        assert!(divergence < 0.02, "{noise}: {divergence}");
        // The score of the same mixture under Gaussian noise is another one, and not what was learnt.
        let gaussian = against(Some(std::sync::Arc::new(p.clone())));
        assert!(gaussian > 2.0 * divergence, "{noise}: {divergence} to its own truth, {gaussian} to that of Gaussian noise");
    }
}
