using System.Runtime.CompilerServices;

namespace Workflows.Service.Tests.Hosting;

/// <summary>
/// Gives one processor to the workers that these tests' services start: the model of the tests trains no faster on two,
/// and its threads would keep both busy while they wait for each other.
/// </summary>
internal static class WorkerProcessors
{
    [ModuleInitializer]
    internal static void Set() => Environment.SetEnvironmentVariable("DOTNET_PROCESSOR_COUNT", "1");
}
