using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Workflows.Activities.Tests")]
