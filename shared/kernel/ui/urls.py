from django.conf import settings
from django.urls import path

from kernel.accounts.access import open_to_all
from kernel.ui import kit, views

urlpatterns = [
    path("theme.css", open_to_all(views.theme_css), name="theme_css"),
]
if settings.DEBUG:
    urlpatterns += [
        path("ui/kit/", kit.kit, name="ui_kit"),
        path("ui/kit/list/", kit.KitList.as_view(), name="ui_kit_list"),
    ]
