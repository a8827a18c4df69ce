using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Microsoft.DurableTask.Generators.Tasks;

/// <summary>Makes typed calls for classes with [DurableTask] and types with [DurableEvent], and one method that
/// registers all tasks of the project.</summary>
[Generator(LanguageNames.CSharp)]
public sealed class DurableTaskSourceGenerator : IIncrementalGenerator
{
    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValueProvider<ImmutableArray<Declaration?>> tasks = context.SyntaxProvider
            .ForAttributeWithMetadataName(
                "Microsoft.DurableTask.DurableTaskAttribute",
                static (node, _) => node is ClassDeclarationSyntax,
                static (found, _) => DeclarationReader.ReadTask(found))
            .Collect();
        IncrementalValueProvider<ImmutableArray<Declaration?>> events = context.SyntaxProvider
            .ForAttributeWithMetadataName(
                "Microsoft.DurableTask.DurableEventAttribute",
                static (node, _) => node is TypeDeclarationSyntax,
                static (found, _) => DeclarationReader.ReadEvent(found))
            .Collect();
        context.RegisterSourceOutput(tasks.Combine(events), static (output, found) => Generate(
            output, [.. found.Left.Concat(found.Right).OfType<Declaration>()]));
    }

    private static void Generate(SourceProductionContext output, List<Declaration> found)
    {
        List<Declaration> good = [.. found.Where(declaration => Check(output, declaration))];
        HashSet<(TaskKind Kind, string Name, string Version)> seen = [];
        foreach (Declaration task in good.ToList())
        {
            // Names are compared ignoring case where tasks are registered.
            if (task.Kind != TaskKind.Event
                && !seen.Add((task.Kind, task.Name.ToUpperInvariant(), task.Version.ToUpperInvariant())))
            {
                output.ReportDiagnostic(Diagnostic.Create(
                    TaskDiagnostics.Duplicate,
                    task.Location,
                    task.Name,
                    task.Version.Length == 0 ? "no version" : $"version '{task.Version}'"));
                good.Remove(task);
            }
        }

        if (good.Count > 0)
        {
            output.AddSource(
                "GeneratedDurableTaskExtensions.g.cs", SourceText.From(TaskSource.Write(good), Encoding.UTF8));
        }
    }

    private static bool Check(SourceProductionContext output, Declaration declaration)
    {
        DiagnosticDescriptor? problem =
            !SyntaxFacts.IsValidIdentifier(declaration.Name)
                ? declaration.Kind == TaskKind.Event ? TaskDiagnostics.EventName : TaskDiagnostics.TaskName
            : declaration.Version.Length > 0 && string.IsNullOrWhiteSpace(declaration.Version)
                ? TaskDiagnostics.BlankVersion
            : null;
        if (problem is not null)
        {
            output.ReportDiagnostic(Diagnostic.Create(problem, declaration.Location, declaration.Name));
        }

        return problem is null;
    }
}
