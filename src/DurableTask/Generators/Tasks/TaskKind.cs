namespace Microsoft.DurableTask.Generators.Tasks;

internal enum TaskKind
{
    Orchestrator,
    Activity,
    Entity,
    Event,
}
