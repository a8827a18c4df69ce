using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace Microsoft.DurableTask.Generators.Determinism;

/// <summary>Reports what does not replay to the same in orchestrators, and in the methods of the same project that they
/// call, at any depth.</summary>
/// <remarks>Orchestrators are classes that derive from TaskOrchestrator and functions given to AddOrchestratorFunc.
/// Each place is reported once, also when several orchestrators reach it.</remarks>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class OrchestratorDeterminismAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
    [
        DeterminismRules.Clock, DeterminismRules.NewGuid, DeterminismRules.Delay, DeterminismRules.Threads,
        DeterminismRules.InputOutput, DeterminismRules.Environment, DeterminismRules.Logger,
        DeterminismRules.EndlessLoop, DeterminismRules.Chance, DeterminismRules.ForeignTask,
    ];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterCompilationStartAction(Start);
    }

    private static void Start(CompilationStartAnalysisContext context)
    {
        if (context.Compilation.GetTypeByMetadataName("Microsoft.DurableTask.TaskOrchestrationContext") is null)
        {
            return;
        }

        var entries = new ConcurrentBag<OrchestratorEntry>();
        context.RegisterSymbolAction(
            found =>
            {
                foreach (OrchestratorEntry entry in OrchestratorEntry.OfClass(
                    (INamedTypeSymbol)found.Symbol, found.CancellationToken))
                {
                    entries.Add(entry);
                }
            },
            SymbolKind.NamedType);
        context.RegisterOperationAction(
            found =>
            {
                if (OrchestratorEntry.OfCall(
                    (IInvocationOperation)found.Operation, found.CancellationToken) is { } entry)
                {
                    entries.Add(entry);
                }
            },
            OperationKind.Invocation);
        context.RegisterCompilationEndAction(end =>
        {
            var reported = new HashSet<SyntaxNode>();
            foreach (OrchestratorEntry entry in entries.OrderBy(entry => entry.Name, StringComparer.Ordinal))
            {
                new OrchestratorWalk(end, entry, reported).Run();
            }
        });
    }
}
