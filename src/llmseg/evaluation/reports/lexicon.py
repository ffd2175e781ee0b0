"""Findings that the clinical checks know: how reports word them, and the MeSH tags of Open-i that mean them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        name: ours.
        pattern: regular expression of its wordings, in lower case.
        tags: MeSH tags of Open-i that mean it, as "heading" or "heading/qualifier", in lower case; none: it takes no
            part in the agreement of labels.
        absent: wordings that say that it is not there without a word of negation, such as a normal heart size.
    """

    name: str
    pattern: str
    tags: tuple[str, ...] = ()
    absent: str = ""


_CLEAR = r"\blungs?\b[^.;]{0,25}\bclear\b|\bclear lungs?\b"

ENGLISH = (
    Finding(
        "cardiomegaly",
        r"cardiomegaly|cardiac enlargement|enlarged (?:heart|cardiac|cardiomediastinal|cardiopericardial)"
        r"|enlargement of the (?:heart|cardiac|cardiomediastinal)"
        r"|(?:heart|cardiac|cardiomediastinal)(?: size| silhouette| shadow)?(?: is| remains| appears)?(?: \w+){0,2}"
        r" enlarged",
        ("cardiomegaly", "cardiac shadow/enlarged"),
        r"\b(?:heart|cardiac)\b(?![\w ]{0,35}\bupper)[\w ]{0,35}\b(?:normal|unremarkable)\b"
        r"|\bnormal (?:heart|cardiac)\b",
    ),
    Finding("atelectasis", r"atelecta\w+|\bcollapse", ("pulmonary atelectasis",)),
    Finding("effusion", r"(?<!pericardial )effusions?\b|pleural fluid", ("pleural effusion",)),
    Finding("pericardial effusion", r"pericardial effusions?", ("pericardial effusion",)),
    Finding("pneumothorax", r"pneumothora(?:x|ces)", ("pneumothorax", "hydropneumothorax")),
    Finding("pneumonia", r"pneumonias?\b|pneumonic", ("pneumonia",)),
    Finding("consolidation", r"consolidat\w+", ("consolidation",), _CLEAR),
    Finding("airspace disease", r"air ?-?space (?:disease|opacit\w+|process)", ("airspace disease",), _CLEAR),
    Finding("infiltrate", r"infiltrat\w+", ("infiltrate",), _CLEAR),
    Finding("opacity", r"opacit(?:y|ies)|opacifi\w+", ("opacity",), _CLEAR),
    Finding("oedema", r"\bo?edema(?:tous)?\b", ("pulmonary edema",)),
    Finding("congestion", r"congestion", ("pulmonary congestion",)),
    Finding("heart failure", r"heart failure|\bchf\b", ("heart failure",)),
    Finding(
        "emphysema",
        r"(?<!subcutaneous )emphysem\w+",
        ("emphysema", "pulmonary emphysema", "bullous emphysema"),
    ),
    Finding("COPD", r"\bcopd\b|chronic obstructive", ("pulmonary disease, chronic obstructive",)),
    Finding("nodule", r"nodul\w+", ("nodule",)),
    Finding("mass", r"\bmass(?:es)?\b", ("mass",)),
    Finding("granuloma", r"granuloma(?:s|ta)?\b", ("calcified granuloma", "granuloma")),
    Finding("granulomatous disease", r"granulomatous", ("granulomatous disease",)),
    Finding("calcification", r"calcif\w+", ("calcinosis", "calcified granuloma")),
    Finding("scar", r"\bscar(?:s|ring|red)?\b|cicatri\w+", ("cicatrix",)),
    Finding("fibrosis", r"fibro(?:sis|tic)", ("pulmonary fibrosis", "fibrosis")),
    Finding("pleural thickening", r"thickening", ("thickening",)),
    Finding("interstitial disease", r"interstitial", ("lung diseases, interstitial", "markings")),
    Finding(
        "hyperinflation",
        r"hyper-?(?:inflat|expan|lucen|disten|aerat)\w+",
        ("lung/hyperdistention", "lung, hyperlucent"),
    ),
    Finding(
        "low lung volume",
        r"low (?:lung )?volumes?|(?:hypo|under)-?(?:inflat|aerat|ventilat)\w+|decreased lung volumes?",
        ("lung/hypoinflation",),
    ),
    Finding(
        "raised diaphragm",
        r"elevat\w+(?: of)?(?: the)?(?: left| right)? (?:hemi)?diaphragms?"
        r"|diaphragms? (?:is |are |remains )?(?:\w+ )?elevat\w+|eventration",
        ("diaphragm/elevated", "diaphragmatic eventration"),
    ),
    Finding("hiatal hernia", r"hiat(?:al|us) hernia", ("hernia, hiatal",)),
    Finding("atherosclerosis", r"atheroscl\w+", ("atherosclerosis",)),
    Finding("tortuous aorta", r"tortuo\w+|ectatic", ("aorta/tortuous", "aorta, thoracic/tortuous")),
    Finding("scoliosis", r"scolio\w+", ("scoliosis",)),
    Finding("kyphosis", r"kypho\w+", ("kyphosis",)),
    Finding(
        "degenerative change",
        r"degenerative|spondylo\w+|osteophyt\w+",
        ("spine/degenerative", "thoracic vertebrae/degenerative", "spondylosis", "osteophyte", "arthritis"),
    ),
    Finding("osteopenia", r"osteop(?:eni|oro)\w+|deminerali[sz]\w+", ("bone diseases, metabolic", "osteoporosis")),
    Finding("fracture", r"fractur\w+", ("fractures, bone",)),
    Finding(
        "device",
        r"catheters?\b|\bpicc\b|\bpacemaker|\bpacer\b|\bicd\b|sternotomy|\bstents?\b|\bclips?\b"
        r"|central (?:venous )?line|\bport\b|port-a-cath"
        r"|(?:chest|tracheostomy|endotracheal|feeding|nasogastric) tubes?",
        (
            "catheters, indwelling",
            "implanted medical device",
            "medical device",
            "surgical instruments",
            "stents",
            "tube, inserted",
        ),
    ),
    Finding("tuberculosis", r"tubercul\w+", ("tuberculosis",)),
    # Of other examinations, without tags of Open-i.
    Finding("enlarged nodes", r"(?:lymph)?adenopathy|enlarged (?:lymph )?nodes?"),
    Finding("cyst", r"\bcysts?\b|\bcystic\b"),
    Finding("haemorrhage", r"ha?emorrhag\w+|ha?ematoma"),
    Finding("infarct", r"infarct\w*|restricted diffusion"),
    Finding("embolus", r"embol(?:us|i|ism)\b|thromb(?:us|i|osis)\b"),
    Finding("metastasis", r"metasta\w+"),
    Finding(
        "acute abnormality",
        r"\b(?:acute|active)(?: or active)?(?: [\w-]+,?){0,4}"
        r" (?:abnormalit(?:y|ies)|diseases?|process(?:es)?|findings?)",
    ),
)
"""For chest radiographs above all; names of other findings as reports of CT and MRI have them."""

CHINESE = (
    Finding("结节", "结节"),
    Finding("肿块", "肿块|占位"),
    Finding("囊肿", "囊肿|囊性灶"),
    Finding("积液", "积液"),
    Finding("积水", "积水"),
    Finding("结石", "结石"),
    Finding("钙化", "钙化"),
    Finding("增粗", "增粗"),
    Finding("脂肪肝", "脂肪肝"),
    Finding("血管瘤", "血管瘤"),
    Finding("腺瘤", "腺瘤"),
    Finding("淋巴结肿大", "淋巴结[^，。；,;]{0,8}?(?:肿大|增大)|(?:肿大|增大)[的之]?淋巴结"),  # noqa: RUF001
    Finding("低密度灶", "低密度[灶影]"),
    Finding("高密度灶", "高密度[灶影]"),
    Finding("异常强化", "异常强化"),
    Finding("扩张", "扩张"),
    Finding("炎症", "炎症|肺炎|胰腺炎|胆囊炎"),
    Finding("肺气肿", "肺气肿"),
    Finding("气胸", "气胸"),
    Finding("肺不张", "不张"),
    Finding("骨折", "骨折"),
    Finding("出血", "出血"),
    Finding("梗死", "梗死|梗塞"),
    Finding("转移", "转移"),
    Finding("恶性肿瘤", "癌|恶性"),
)
"""For CT of chest and abdomen."""


def findings(language: str) -> tuple[Finding, ...]:
    """The findings that are known in a language."""
    return CHINESE if language == "zh" else ENGLISH
