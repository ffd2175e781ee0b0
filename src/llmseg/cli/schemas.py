"""Top config -> dataclass of the keys beside its groups."""

from llmseg.cli import config, config_app, config_boxes, config_chat, config_reports

SCHEMAS: dict[str, type] = {
    "train": config.TrainConfig,
    "ground": config_boxes.GroundConfig,
    "report": config_reports.ReportTrainConfig,
    "evaluate": config.EvaluateConfig,
    "compare": config.CompareConfig,
    "check": config.CheckConfig,
    "boxes": config_boxes.BoxesCommandConfig,
    "predict": config.PredictConfig,
    "chat": config_chat.ChatConfig,
    "export": config.ExportConfig,
    "knowledge": config.KnowledgeConfig,
    "study": config.StudyConfig,
    "app": config_app.AppConfig,
}
