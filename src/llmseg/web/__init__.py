"""The web page of `app.py`. Only the modules of `llmseg.web.tabs`, `page` and `server` know Gradio."""
