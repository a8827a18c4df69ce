using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Microsoft.DurableTask.Generators.Determinism;

/// <summary>Goes through an orchestrator's code and through everything of the project that it calls.</summary>
internal sealed class OrchestratorWalk(
    CompilationAnalysisContext context, OrchestratorEntry entry, HashSet<SyntaxNode> reported)
{
    private readonly HashSet<SyntaxNode> _seen = [];
    private readonly Queue<SyntaxNode> _open = new();

    public void Run()
    {
        _open.Enqueue(entry.Body);
        while (_open.Count > 0)
        {
            SyntaxNode body = _open.Dequeue();
            if (_seen.Add(body))
            {
                Visit(body);
            }
        }
    }

    private void Visit(SyntaxNode body)
    {
#pragma warning disable RS1030 // A call leads from one file to another, for which the action has no model at hand.
        SemanticModel model = context.Compilation.GetSemanticModel(body.SyntaxTree);
#pragma warning restore RS1030
        foreach (SyntaxNode node in body.DescendantNodes())
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            switch (node)
            {
                case AwaitExpressionSyntax wait:
                    CheckAwait(model, wait);
                    break;
                case LockStatementSyntax:
                    Report(DeterminismRules.Threads, node, "lock");
                    break;
                case WhileStatementSyntax loop:
                    CheckLoop(loop);
                    break;
                case InvocationExpressionSyntax or BaseObjectCreationExpressionSyntax:
                    CheckUse(node, model.GetSymbolInfo(node, context.CancellationToken).Symbol, follow: true);
                    break;
                case IdentifierNameSyntax:
                    CheckName(node, model.GetSymbolInfo(node, context.CancellationToken).Symbol);
                    break;
            }
        }
    }

    private void CheckName(SyntaxNode node, ISymbol? symbol)
    {
        if (symbol is IPropertySymbol or IFieldSymbol)
        {
            CheckUse(node, symbol, follow: true);
        }
        else if (symbol is IMethodSymbol && node.Parent is not InvocationExpressionSyntax
            and not MemberAccessExpressionSyntax { Parent: InvocationExpressionSyntax })
        {
            // A method that is passed on as a value.
            CheckUse(node, symbol, follow: true);
        }
    }

    private void CheckUse(SyntaxNode node, ISymbol? symbol, bool follow)
    {
        if (symbol?.ContainingType is null)
        {
            return;
        }

        if (ForbiddenMembers.Find(symbol) is { } rule)
        {
            Report(rule, node, Describe(symbol));
        }
        else if (IsPlainLogging(node, symbol))
        {
            Report(DeterminismRules.Logger, node, Describe(symbol));
        }
        else if (follow)
        {
            foreach (SyntaxReference reference in symbol.DeclaringSyntaxReferences)
            {
                SyntaxNode declaration = reference.GetSyntax(context.CancellationToken);
                if (declaration is BaseMethodDeclarationSyntax or LocalFunctionStatementSyntax
                    or PropertyDeclarationSyntax)
                {
                    _open.Enqueue(declaration);
                }
            }
        }
    }

    // A logger held in a field or property of the orchestrator writes again with every replay.
    private static bool IsPlainLogging(SyntaxNode node, ISymbol symbol) =>
        symbol is IFieldSymbol or IPropertySymbol
        && symbol.ContainingType.ToDisplayString() is not "Microsoft.DurableTask.TaskOrchestrationContext"
        && (symbol switch
        {
            IFieldSymbol field => field.Type,
            IPropertySymbol property => property.Type,
            _ => null,
        })?.ToDisplayString().StartsWith("Microsoft.Extensions.Logging.ILogger", StringComparison.Ordinal) == true
        && node.FirstAncestorOrSelf<TypeDeclarationSyntax>() is not null;

    // Tasks come from the context or from methods of the project that were walked into. Everything else is foreign.
    private void CheckAwait(SemanticModel model, AwaitExpressionSyntax wait)
    {
        ExpressionSyntax awaited = wait.Expression;
        if (awaited is not InvocationExpressionSyntax
            || model.GetSymbolInfo(awaited, context.CancellationToken).Symbol is not IMethodSymbol method)
        {
            return;
        }

        if (method.DeclaringSyntaxReferences.Length > 0
            || ForbiddenMembers.Find(method) is not null
            || method.ContainingType is null
            || method.ContainingType.TypeKind == TypeKind.Delegate
            || OrchestratorEntry.IsContext(method.ContainingType)
            || method.ContainingType.ToDisplayString() is "System.Threading.Tasks.Task"
                or "System.Threading.Tasks.Task<TResult>" or "System.IAsyncDisposable"
            || TakesContext(model, method, (InvocationExpressionSyntax)awaited))
        {
            return;
        }

        Report(DeterminismRules.ForeignTask, wait, Describe(method));
    }

    // Extensions of the context, and helpers that are given it, act through it.
    private static bool TakesContext(SemanticModel model, IMethodSymbol method, InvocationExpressionSyntax call) =>
        OrchestratorEntry.IsContext(method.ReceiverType)
        || method.Parameters.Any(parameter => OrchestratorEntry.IsContext(parameter.Type))
        || (call.Expression is MemberAccessExpressionSyntax access
            && OrchestratorEntry.IsContext(model.GetTypeInfo(access.Expression).Type));

    private void CheckLoop(WhileStatementSyntax loop)
    {
        bool isEndless = loop.Condition.IsKind(SyntaxKind.TrueLiteralExpression)
            && !loop.DescendantNodes().Any(node => node is BreakStatementSyntax or ReturnStatementSyntax
                or ThrowStatementSyntax or GotoStatementSyntax
                or IdentifierNameSyntax { Identifier.Text: "ContinueAsNew" });
        if (isEndless && reported.Add(loop))
        {
            context.ReportDiagnostic(Diagnostic.Create(
                DeterminismRules.EndlessLoop, loop.WhileKeyword.GetLocation(), entry.Name));
        }
    }

    private void Report(DiagnosticDescriptor rule, SyntaxNode node, string what)
    {
        // One report a use: in Random.Shared.Next() both the call and its receiver are in the table.
        if (node.Ancestors().TakeWhile(outer => outer is ExpressionSyntax).All(outer => !reported.Contains(outer))
            && reported.Add(node))
        {
            context.ReportDiagnostic(Diagnostic.Create(rule, node.GetLocation(), entry.Name, what));
        }
    }

    private static string Describe(ISymbol symbol) => symbol is IMethodSymbol { MethodKind: MethodKind.Constructor }
        ? $"new {symbol.ContainingType.Name}"
        : $"{symbol.ContainingType.Name}.{symbol.Name}";
}
