from django.urls import path

from accounts import changes, views

urlpatterns = [
    path("register/", views.Register.as_view()),
    path("verify/", views.Verify.as_view()),
    path("verify/again/", views.VerifyAgain.as_view()),
    path("login/", views.Login.as_view()),
    path("refresh/", views.Refresh.as_view()),
    path("logout/", views.Logout.as_view()),
    path("password/", changes.Password.as_view()),
    path("password/reset/", changes.AskForReset.as_view()),
    path("password/reset/confirm/", changes.Reset.as_view()),
    path("email/", changes.AskForAddress.as_view()),
    path("email/confirm/", changes.Move.as_view()),
    path("me/", views.Me.as_view()),
    path("staff/", views.Staff.as_view()),
    path("keys/", views.Keys.as_view()),
]
