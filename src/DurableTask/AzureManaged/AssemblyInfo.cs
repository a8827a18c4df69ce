using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Workflows.DurableTask.Tests")]
