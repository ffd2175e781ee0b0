"""Cross pseudo supervision (Chen et al., CVPR 2021; 3D as in SSL4MIS, Luo et al.)."""

from torch import Tensor

from llmseg.losses.consistency import cross_pseudo
from llmseg.methods.semi_supervised import CoTraining, Streams, on_grid


class CrossPseudoSupervision(CoTraining):
    """Two networks of different initialisation learn each other's decisions on the unlabelled images."""

    def training_loss(self, batch: Streams) -> Tensor:
        """Both networks' supervised losses, and the cross-entropy of each with the other's decisions."""
        count = len(batch.label)
        mine, theirs = (self.through(net, batch.image, batch.unlabelled) for net in (self.net, self.peer))
        one, two = (on_grid(each[count:], batch.unlabelled) for each in (mine, theirs))
        cross = cross_pseudo(one, two, self.overlapping) + cross_pseudo(two, one, self.overlapping)
        return self.supervised((mine, theirs), batch.label) + self.ramped(cross)
