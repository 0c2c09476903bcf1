from django.conf import settings
from django.urls import path

from kernel.ui import kit, languages, views

urlpatterns = [
    path("theme.css", views.theme_css, name="theme_css"),
    path("language/", languages.set_language, name="set_language"),
]
if settings.DEBUG:
    urlpatterns += [
        path("ui/kit/", kit.kit, name="ui_kit"),
        path("ui/kit/list/", kit.KitList.as_view(), name="ui_kit_list"),
    ]
