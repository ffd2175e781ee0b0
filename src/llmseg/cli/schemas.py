"""Top config -> dataclass of the keys beside its groups."""

from llmseg.cli import config, config_boxes

SCHEMAS: dict[str, type] = {
    "train": config.TrainConfig,
    "ground": config_boxes.GroundConfig,
    "evaluate": config.EvaluateConfig,
    "compare": config.CompareConfig,
    "check": config.CheckConfig,
    "boxes": config_boxes.BoxesCommandConfig,
    "predict": config.PredictConfig,
    "export": config.ExportConfig,
    "knowledge": config.KnowledgeConfig,
    "study": config.StudyConfig,
}
