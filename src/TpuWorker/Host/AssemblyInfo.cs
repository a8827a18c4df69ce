using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Workflows.Samples")]
[assembly: InternalsVisibleTo("Workflows.TpuWorker.Tests")]
