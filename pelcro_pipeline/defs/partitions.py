"""One partition for each extract: deliveries are irregular, and one bad extract fails alone."""

import dagster as dg

extracts = dg.DynamicPartitionsDefinition(name="extracts")
