import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("customers", "0003_marks")]

    operations = [
        AddIndexConcurrently(
            model_name="customer",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["marks"], name="customers_customer_marks", opclasses=["jsonb_path_ops"]
            ),
        ),
        AddIndexConcurrently(
            model_name="customer",
            index=models.Index(
                fields=["id"],
                name="customers_customer_unmarked",
                condition=models.Q(marked_at=None) | models.Q(marked_at__lt=models.F("updated_at")),
            ),
        ),
        AddIndexConcurrently(
            model_name="vehicle", index=models.Index(fields=["mark"], name="customers_vehicle_mark")
        ),
    ]
