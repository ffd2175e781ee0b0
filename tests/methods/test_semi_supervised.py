"""The semi-supervised methods: what they learn from, and what they do not."""

import math
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from llmseg.losses.masked import region_loss
from llmseg.losses.unified import unified_segmentation_loss
from llmseg.methods.base import case_dice
from llmseg.methods.mixing import boxes, cut_mix
from llmseg.models.build import build_network
from tests.methods.make_method import METHODS, PAIRS, STEPS, gradients, knowledge, method, streams

TRAINED = {name: {"net", *(("peer",) if name in PAIRS else ())} for name in METHODS} | {"mc_net": {"net", "decoders"}}


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("name", METHODS)
def test_every_trained_weight_gets_a_finite_gradient_and_no_other(name: str, classes: int) -> None:
    made = method(name, classes=classes)
    loss = made.training_loss(streams(classes=classes))
    loss.backward()
    assert loss.isfinite()
    found = {key.partition(".")[0] for key, value in gradients(made).items() if value is not None}
    assert found == TRAINED[name]
    for part in TRAINED[name]:
        values = gradients(getattr(made, part))
        assert all(value is not None and value.isfinite().all() for value in values.values())


@pytest.mark.parametrize("name", [name for name in METHODS if name != "bcp"])
def test_with_weight_0_the_unlabelled_images_teach_nothing(name: str) -> None:
    """The supervised loss remains; unlabelled images only pass through batch norm, which evaluation mode leaves out."""
    losses = []
    for seed in (0, 1):
        made = method(name, weight=0.0)
        for part in made.modules():
            part.training = isinstance(part, type(made))
        batch = streams()
        other = batch._replace(unlabelled=torch.rand(2, 1, 16, 16, 16) + seed)
        losses.append(made.training_loss(other).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("name", [name for name in METHODS if name != "bcp"])
def test_apart_from_each_other_neither_kind_of_image_reaches_the_others_batch_norm(name: str, joint: bool) -> None:
    losses = []
    for seed in (0, 1):
        made = method(name, weight=0.0, joint=joint)
        other = streams()._replace(unlabelled=torch.rand(2, 1, 16, 16, 16) + seed)
        losses.append(made.training_loss(other).item())
    assert (losses[0] == pytest.approx(losses[1], rel=1e-6)) == (not joint)


def test_the_ramp_up_is_a_share_of_all_steps_or_counted_as_the_field_does() -> None:
    assert method("mean_teacher", step=0).ramp() == pytest.approx(math.exp(-5))
    assert method("mean_teacher", step=20, ramp_up=0.4).ramp() == pytest.approx(math.exp(-5 * 0.25))
    assert method("mean_teacher", step=40, ramp_up=0.4).ramp() == 1
    assert method("mean_teacher", step=0, ramp_up=0.0).ramp() == 1
    fields = method("mean_teacher", step=3100, ramp_up_steps=[150, 40])
    assert fields.ramp() == pytest.approx(math.exp(-5 * (1 - 20 / 40) ** 2))  # UA-MT: 3100 // 150 = 20


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("mean_teacher", {"ramp_up": 2.0}, "method.ramp_up"),
        ("mean_teacher", {"ramp_up_steps": [150]}, "method.ramp_up_steps"),
        ("mean_teacher", {"decay": 1.0}, "method.decay"),
        ("ua_mt", {"passes": 0}, "method.passes"),
        ("mc_net", {"temperature": 0.0}, "method.temperature"),
        ("bcp", {"pretrain": -0.1}, "method.pretrain"),
        ("llm_segnet", {"cutmix": (0.6, 0.5)}, "method.cutmix"),
        ("llm_segnet", {"average": "none"}, "average"),
    ],
)
def test_options_that_cannot_be(name: str, options: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        method(name, **options).training_loss(streams())


def test_the_teacher_is_the_moving_average_by_hand_statistics_included() -> None:
    made = method("mean_teacher", step=1, decay=0.9)
    before = deepcopy(made.teacher.state_dict())
    made.training_loss(streams())  # moves the student's statistics
    with torch.no_grad():
        for weights in made.net.parameters():
            weights += 1
    student = made.net.state_dict()
    made.on_train_batch_end(None, None, 0)
    share = 1 - min(1 - 1 / 2, 0.9)
    for key, value in made.teacher.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, before[key] + share * (student[key] - before[key]))
        else:
            assert torch.equal(value, student[key])
    assert any("running_mean" in key for key in before)
    after = deepcopy(made.teacher.state_dict())
    made.on_train_batch_end(None, None, 1)  # the same optimiser step: gradients are being accumulated
    assert all(torch.equal(value, after[key]) for key, value in made.teacher.state_dict().items())


@pytest.mark.parametrize("name", ["mean_teacher", "ua_mt", "bcp"])
def test_the_teacher_stays_in_evaluation_mode_and_its_statistics_as_they_are(name: str) -> None:
    made = method(name)
    before = deepcopy(made.teacher.state_dict())
    made.training_loss(streams())
    assert not any(part.training for part in made.teacher.modules())
    assert all(torch.equal(value, before[key]) for key, value in made.teacher.state_dict().items())
    assert not any(weights.requires_grad for weights in made.teacher.parameters())


def test_ua_mt_leaves_out_uncertain_voxels() -> None:
    made = method("ua_mt", step=0, noise=0.0, passes=2)
    with torch.no_grad():
        made.teacher.head.weight.zero_()
        made.teacher.head.bias.zero_()  # every class equally likely: nothing is certain
    made.training_loss(streams())
    assert made.logged["train/certain"] == 0
    assert made.logged["train/unlabelled_loss"] == 0
    with torch.no_grad():
        made.teacher.head.bias[0] = 20.0  # background everywhere, for sure
    made.training_loss(streams())
    assert made.logged["train/certain"] == 1
    assert made.logged["train/unlabelled_loss"] > 0


def test_decoders_that_agree_and_are_sure_have_nothing_to_learn_from_each_other() -> None:
    made = method("mc_net")
    with torch.no_grad():
        for head in (made.net.head, *(decoder.head for decoder in made.decoders)):
            head.weight.zero_()
            head.bias.copy_(torch.tensor([30.0, 0.0, 0.0]))
    made.training_loss(streams())
    assert made.logged["train/unlabelled_loss"] == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        made.decoders[0].head.bias.copy_(torch.tensor([0.0, 30.0, 0.0]))
    made.training_loss(streams())
    # of the six ordered pairs four disagree, each by (1 + 1) / 3 classes
    assert made.logged["train/unlabelled_loss"] == pytest.approx(4 * 2 / 3, rel=1e-4)


def test_mc_net_needs_a_v_net() -> None:
    with pytest.raises(ValueError, match="model=vnet"):
        METHODS["mc_net"](net=nn.Conv3d(1, 2, 1))  # type: ignore[call-arg]


class Recorder(nn.Module):
    """Notes its inputs; a network of one weight whose logits are the image's values."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen: list[tuple[Tensor, bool]] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen.append((image.clone(), torch.is_grad_enabled()))
        return self.scale * torch.cat([1 - image, image - 0.5, image * 0.2], dim=1) * 8


def test_llm_segnet_by_hand() -> None:
    """The first network sees raw images, the second CutMix-ed ones, and pseudo-labels fit what is seen."""
    made = method("llm_segnet", cutmix=(0.3, 0.3))
    made.net, made.peer = Recorder(), Recorder()
    batch = streams()
    torch.manual_seed(3)
    loss = made.training_loss(batch)
    torch.manual_seed(3)
    mask = boxes(2, (16, 16, 16), (0.3, 0.3))
    mixed = cut_mix(batch.unlabelled, mask)
    (raw_a, _), (seen_b, _), (raw_b, with_gradient) = made.net.seen[0], *made.peer.seen
    assert torch.equal(raw_a, torch.cat([batch.image, batch.unlabelled]))
    assert torch.equal(seen_b, torch.cat([batch.image, mixed]))
    assert torch.equal(raw_b, batch.unlabelled)
    assert not with_gradient
    plain = Recorder()
    labelled, raw, of_mixed = plain(batch.image), plain(batch.unlabelled), plain(mixed)
    expected = 2 * made.loss(labelled, batch.label)
    expected += unified_segmentation_loss(raw, raw).loss + unified_segmentation_loss(of_mixed, cut_mix(raw, mask)).loss
    torch.testing.assert_close(loss, expected)


class HalfSize(Recorder):
    """Ends on a grid of half the size, as some generated networks do."""

    def forward(self, image: Tensor) -> Tensor:
        return nn.functional.avg_pool3d(super().forward(image), 2)


@pytest.mark.parametrize("name", ["mean_teacher", "ua_mt", "cps", "bcp", "llm_segnet"])
def test_networks_that_end_on_another_grid(name: str) -> None:
    made = method(name)
    made.net = HalfSize()
    if name in PAIRS:
        made.peer = Recorder()
    else:
        made.teacher = HalfSize()
    loss = made.training_loss(streams())
    loss.backward()
    assert loss.isfinite()
    assert made.net.scale.grad is not None


def test_a_longer_training_does_not_turn_back_the_ramp_up() -> None:
    made, checkpoint = method("mean_teacher", step=50), dict[str, Any]()
    assert made.ramp() == 1
    made.on_save_checkpoint(checkpoint)
    resumed = method("mean_teacher", step=50)
    resumed._trainer.estimated_stepping_batches = 10 * STEPS
    resumed.on_load_checkpoint(checkpoint)
    assert resumed.ramp() == 1


def test_a_pair_is_validated_as_it_is_tested() -> None:
    made = method("cps")
    image = torch.rand(1, 1, 16, 16, 16)
    label = torch.randint(0, 3, (1, 1, 16, 16, 16), dtype=torch.uint8)
    made.eval()
    with torch.no_grad():
        made.validation_step((image, label, True), 0)
        probability = (made.net(image).softmax(1) + made.peer(image).softmax(1)) / 2
        expected = case_dice(probability, label, overlapping=False)
    assert made._scores[0][1].item() == pytest.approx(expected.nansum().item())


def test_one_unlabelled_image_has_no_neighbour_to_be_mixed_with() -> None:
    made = method("llm_segnet")
    made.net, made.peer = Recorder(), Recorder()
    batch = streams(unlabelled=1)
    assert made.training_loss(batch).isfinite()
    assert torch.equal(made.peer.seen[0][0][2:], batch.unlabelled)


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("fusion", ["balance", "film", "gate", "cross_attention"])
def test_networks_with_knowledge_are_built_again_from_what_a_checkpoint_says(fusion: str, learned: bool) -> None:
    made = method("llm_segnet", knowledge=knowledge(learned=learned), fusion=fusion)
    assert torch.equal(made.net.text, knowledge().vectors)
    assert made.net.text.requires_grad is learned
    checkpoint: dict[str, Any] = {}
    made.on_save_checkpoint(checkpoint)
    image = torch.rand(1, 1, 16, 16, 16)
    made.eval()
    for name, node in checkpoint["networks"].items():
        net = build_network(node)
        net.load_state_dict(getattr(made, name).state_dict())
        assert torch.equal(net.eval()(image), getattr(made, name)(image))


def test_text_reaches_the_output_and_the_second_network_is_another_one() -> None:
    made, plain = method("llm_segnet", knowledge=knowledge()), method("llm_segnet")
    image = torch.rand(1, 1, 16, 16, 16)
    made.eval(), plain.eval()
    assert not torch.equal(made.net(image), plain.net(image))
    assert not torch.allclose(plain.net(image), plain.peer(image))
    assert set(plain.networks) == {"net", "peer"}


def test_bcp_begins_with_labelled_images_alone() -> None:
    made = method("bcp", step=5, pretrain=0.1)
    torch.manual_seed(0)
    first = made.training_loss(streams())
    torch.manual_seed(0)
    batch = streams()
    torch.manual_seed(0)
    made = method("bcp", step=5, pretrain=0.1)
    torch.manual_seed(0)
    streams()
    assert first == made.training_loss(batch._replace(unlabelled=batch.unlabelled * 9))
    assert "train/unlabelled_loss" not in made.logged
    made = method("bcp", step=int(0.1 * STEPS), pretrain=0.1)
    made.training_loss(streams())
    assert "train/unlabelled_loss" in made.logged


def test_bcp_pastes_both_ways_and_weighs_the_teachers_regions() -> None:
    made = method("bcp", weight=0.25, side=0.5, largest_component=False)
    made.net = Recorder()
    made.teacher = Recorder()
    batch = streams()
    torch.manual_seed(3)
    loss = made.training_loss(batch)
    torch.manual_seed(3)
    box = boxes(2, (16, 16, 16), (0.125, 0.125))
    assert box.sum() == 2 * 8**3
    inward, outward = torch.where(box, batch.unlabelled, batch.image), torch.where(box, batch.image, batch.unlabelled)
    assert torch.equal(made.net.seen[0][0], torch.cat([inward, outward]))
    plain = Recorder()
    taught = plain(batch.unlabelled).argmax(1, keepdim=True).to(torch.uint8)
    of_in, of_out = plain(inward), plain(outward)
    expected = region_loss(of_in, batch.label, ~box) + region_loss(of_out, batch.label, box)
    expected = expected + 0.25 * (region_loss(of_in, taught, box) + region_loss(of_out, taught, ~box))
    torch.testing.assert_close(loss, expected)


def test_the_teachers_labels_keep_one_component() -> None:
    made = method("bcp", classes=1)
    image = torch.zeros(1, 1, 16, 16, 16)
    image[0, 0, :4, :4, :4] = 1
    image[0, 0, 10:12, 10:12, 10:12] = 1
    made.teach = lambda image: image - 0.5
    label = made._labels(image)
    assert label.dtype == torch.uint8
    assert label.sum() == 4**3


def test_boxes_have_the_volume_asked_for_and_lie_inside() -> None:
    torch.manual_seed(0)
    masks = boxes(200, (20, 30, 10), (0.1, 0.4))
    shares = masks.float().mean(dim=(1, 2, 3, 4))
    assert masks.shape == (200, 1, 20, 30, 10)
    assert 0.07 < shares.min() < 0.15  # sides are whole voxels
    assert 0.35 < shares.max() < 0.45
    for mask in masks[:20, 0]:
        found = mask.nonzero()
        sides = found.amax(0) - found.amin(0) + 1
        assert sides.prod() == len(found)  # one box
    assert len({tuple(mask.nonzero()[0].tolist()) for mask in masks[:, 0]}) > 100


def test_cut_mix_exchanges_with_the_neighbour() -> None:
    values = torch.arange(3.0).reshape(3, 1, 1, 1).expand(3, 1, 4, 4)
    mask = torch.zeros(3, 1, 4, 4, dtype=torch.bool)
    mask[1, 0, 0, 0] = True
    mixed = cut_mix(values, mask)
    assert mixed[1, 0, 0, 0] == 0
    assert mixed.sum() == values.sum() - 1
    assert torch.equal(cut_mix(values[:1], mask[1:2]), values[:1])
