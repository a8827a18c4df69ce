using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Workflows.Cli")]
[assembly: InternalsVisibleTo("Workflows.ModelFiles.Tests")]
[assembly: InternalsVisibleTo("Workflows.Samples")]
[assembly: InternalsVisibleTo("Workflows.TpuWorker.Tests")]
