"""Pages of accounts, on every host. `set_language` stands outside the namespace: the page shell names it."""

from django.urls import include, path

from kernel.accounts import factor_views, views

_pages = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-in/second/", views.second_step, name="second_step"),
    path("sign-in/passkey/", views.passkey, name="passkey"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("password/forgotten/", views.forgotten, name="forgotten"),
    path("password/link/<str:text>/", views.link, name="link"),
    path("account/", views.account, name="account"),
    path("account/password/", views.change_password, name="password"),
    path("account/sign-ins/end-others/", views.end_other_sign_ins, name="end_other_sign_ins"),
    path("account/sign-ins/<str:id>/end/", views.end_sign_in, name="end_sign_in"),
    path("account/second-factors/", factor_views.factors, name="factors"),
    path("account/second-factors/app/", factor_views.add_app, name="add_app"),
    path("account/second-factors/passkey/", factor_views.add_passkey, name="add_passkey"),
    path("account/second-factors/codes/", factor_views.recovery_codes, name="recovery_codes"),
    path("account/second-factors/<str:id>/name/", factor_views.name_factor, name="name_factor"),
    path("account/second-factors/<str:id>/remove/", factor_views.remove_factor, name="remove_factor"),
    path("account/tokens/", views.tokens, name="tokens"),
    path("account/tokens/<str:id>/revoke/", views.revoke_token, name="revoke_token"),
    path("people/", views.people, name="people"),
    path("people/invite/", views.invite, name="invite"),
    path("people/second-factors/", factor_views.rules, name="factor_rules"),
    path("people/<str:id>/", views.person, name="person"),
    path("people/<str:id>/invite/", views.invite_again, name="invite_again"),
    path("people/<str:id>/retire/", views.retire, name="retire"),
    path("people/<str:id>/reinstate/", views.reinstate, name="reinstate"),
    path("people/<str:id>/end-sign-ins/", views.end_sign_ins, name="end_sign_ins"),
    path("people/<str:id>/reset-factors/", factor_views.reset_factors, name="reset_factors"),
    path("outbox/", views.outbox, name="outbox"),
]

urlpatterns = [
    path("", include((_pages, "accounts"))),
    path("language/", views.set_language, name="set_language"),
]
