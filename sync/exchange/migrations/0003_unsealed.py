from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('exchange', '0002_chain'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='ledger',
            index=models.Index(condition=models.Q(('seal__isnull', True)), fields=['number'], name='exchange_ledger_unsealed'),
        ),
    ]
