"""Pages of the workshop."""

from django.urls import path

from dealer.workshop.views import appointments, jobs, orders

app_name = "workshop"
urlpatterns = [
    path("appointments/", appointments.day, name="day"),
    path("appointments/new/", appointments.book, name="book"),
    path("appointments/<uuid:id>/", appointments.appointment, name="appointment"),
    path("appointments/<uuid:id>/change/", appointments.change, name="change_appointment"),
    path("appointments/<uuid:id>/arrive/", appointments.arrive, name="arrive"),
    path("appointments/<uuid:id>/no-show/", appointments.no_show, name="no_show"),
    path("appointments/<uuid:id>/cancel/", appointments.cancel, name="cancel_appointment"),
    path("repair-orders/", orders.listing, name="orders"),
    path("repair-orders/new/", orders.new, name="new"),
    path("repair-orders/jobs/<uuid:id>/edit/", jobs.edit, name="edit_job"),
    path("repair-orders/jobs/<uuid:id>/assign/", jobs.assign, name="assign"),
    path("repair-orders/jobs/<uuid:id>/start/", jobs.start, name="start_job"),
    path("repair-orders/jobs/<uuid:id>/finish/", jobs.finish, name="finish_job"),
    path("repair-orders/jobs/<uuid:id>/remove/", jobs.remove, name="remove_job"),
    path("repair-orders/jobs/<uuid:id>/lines/new/", jobs.add_line, name="add_line"),
    path("repair-orders/lines/<uuid:id>/edit/", jobs.edit_line, name="edit_line"),
    path("repair-orders/lines/<uuid:id>/remove/", jobs.remove_line, name="remove_line"),
    path("repair-orders/<uuid:id>/", orders.order, name="order"),
    path("repair-orders/<uuid:id>/change/", orders.change, name="change_order"),
    path("repair-orders/<uuid:id>/jobs/new/", jobs.add, name="add_job"),
    path("repair-orders/<uuid:id>/start/", orders.start, name="start"),
    path("repair-orders/<uuid:id>/ready/", orders.ready, name="ready"),
    path("repair-orders/<uuid:id>/resume/", orders.resume, name="resume"),
    path("repair-orders/<uuid:id>/close/", orders.close, name="close"),
    path("repair-orders/<uuid:id>/cancel/", orders.cancel, name="cancel_order"),
    path("repair-orders/<uuid:id>/print/", orders.printed, name="print"),
    path("settings/labour-rates/", orders.rates, name="rates"),
]
