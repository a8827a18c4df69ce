using Workflows.DurableTask.Tests.Hosting;


[assembly: AssemblyFixture(typeof(SharedSidecar))]

namespace Workflows.DurableTask.Tests.Hosting;

/// <summary>One process for all tests that do not kill it; each test has a task hub of its own in it.</summary>
public sealed class SharedSidecar : SidecarProgram;
