using Microsoft.CodeAnalysis;

namespace Microsoft.DurableTask.Generators.Determinism;

/// <summary>What an orchestrator must not do. The ids are those of the official analyzers; 0012 and 0013 are
/// ours.</summary>
internal static class DeterminismRules
{
    public static readonly DiagnosticDescriptor Clock = Rule(
        "DURABLE0001", "The clock is read in an orchestrator", "use the context's CurrentUtcDateTime");

    public static readonly DiagnosticDescriptor NewGuid = Rule(
        "DURABLE0002", "A random GUID is made in an orchestrator", "use the context's NewGuid");

    public static readonly DiagnosticDescriptor Delay = Rule(
        "DURABLE0003", "An orchestrator waits by the real clock", "use the context's CreateTimer");

    public static readonly DiagnosticDescriptor Threads = Rule(
        "DURABLE0004", "An orchestrator leaves its thread", "call an activity instead");

    public static readonly DiagnosticDescriptor InputOutput = Rule(
        "DURABLE0005", "An orchestrator does I/O", "do it in an activity");

    public static readonly DiagnosticDescriptor Environment = Rule(
        "DURABLE0006", "The environment is read in an orchestrator", "pass it as input, or read it in an activity");

    public static readonly DiagnosticDescriptor Logger = Rule(
        "DURABLE0010", "An orchestrator logs during replay", "use the context's CreateReplaySafeLogger");

    public static readonly DiagnosticDescriptor EndlessLoop = new(
        "DURABLE0011",
        "An endless loop never continues as new",
        "Orchestrator '{0}' loops for ever without ContinueAsNew, so its history grows without limit",
        "Orchestration",
        DiagnosticSeverity.Warning,
        isEnabledByDefault: true,
        customTags: WellKnownDiagnosticTags.CompilationEnd);

    public static readonly DiagnosticDescriptor Chance = Rule(
        "DURABLE0012", "An orchestrator depends on chance", "draw in an activity, or from the context's NewGuid");

    public static readonly DiagnosticDescriptor ForeignTask = Rule(
        "DURABLE0013", "An orchestrator awaits what its context did not give", "do it in an activity");

    private static DiagnosticDescriptor Rule(string id, string title, string fix) => new(
        id,
        title,
        $"'{{1}}' does not replay to the same in orchestrator '{{0}}'; {fix}",
        "Orchestration",
        DiagnosticSeverity.Warning,
        isEnabledByDefault: true,
        customTags: WellKnownDiagnosticTags.CompilationEnd);
}
