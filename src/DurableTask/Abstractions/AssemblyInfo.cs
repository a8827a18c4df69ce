using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Workflows.DurableTask.Client")]
[assembly: InternalsVisibleTo("Workflows.DurableTask.Worker")]
[assembly: InternalsVisibleTo("Workflows.DurableTask.Tests")]
