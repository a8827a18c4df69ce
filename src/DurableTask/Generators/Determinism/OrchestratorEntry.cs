using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Microsoft.DurableTask.Generators.Determinism;

/// <summary>Code that runs as an orchestrator: a method or function, and the name that reports give it.</summary>
internal sealed class OrchestratorEntry(string name, SyntaxNode body)
{
    private const string Context = "Microsoft.DurableTask.TaskOrchestrationContext";

    public string Name { get; } = name;

    public SyntaxNode Body { get; } = body;

    /// <summary>The overrides of RunAsync in a class that derives, also indirectly, from TaskOrchestrator.</summary>
    public static IEnumerable<OrchestratorEntry> OfClass(INamedTypeSymbol type, CancellationToken cancellation)
    {
        if (!IsOrchestrator(type))
        {
            yield break;
        }

        foreach (IMethodSymbol method in type.GetMembers("RunAsync").OfType<IMethodSymbol>())
        {
            foreach (SyntaxReference reference in method.DeclaringSyntaxReferences)
            {
                yield return new OrchestratorEntry(type.Name, reference.GetSyntax(cancellation));
            }
        }
    }

    /// <summary>The function given to AddOrchestratorFunc: a lambda, a local function or a method.</summary>
    public static OrchestratorEntry? OfCall(IInvocationOperation call, CancellationToken cancellation)
    {
        IMethodSymbol method = call.TargetMethod;
        bool isRegistration = method.Name == "AddOrchestratorFunc"
            && method.ContainingType.ToDisplayString() == "Microsoft.DurableTask.DurableTaskRegistry";
        bool isFactory = method.Name == "Create"
            && method.ContainingType.ToDisplayString() == "Microsoft.DurableTask.FuncTaskOrchestrator";
        if (!isRegistration && !isFactory)
        {
            return null;
        }

        string name = call.Arguments
            .Select(argument => argument.Value)
            .Select(value => value is IConversionOperation conversion ? conversion.Operand : value)
            .FirstOrDefault(value => value.ConstantValue is { HasValue: true, Value: string })
            ?.ConstantValue.Value as string ?? method.Name;
        foreach (IArgumentOperation argument in call.Arguments)
        {
            IOperation value = argument.Value;
            while (value is IConversionOperation or IDelegateCreationOperation)
            {
                value = value is IConversionOperation conversion
                    ? conversion.Operand
                    : ((IDelegateCreationOperation)value).Target;
            }

            SyntaxNode? body = value switch
            {
                IAnonymousFunctionOperation lambda => lambda.Syntax,
                IMethodReferenceOperation reference =>
                    reference.Method.DeclaringSyntaxReferences.FirstOrDefault()?.GetSyntax(cancellation),
                _ => null,
            };
            if (body is not null)
            {
                return new OrchestratorEntry(name, body);
            }
        }

        return null;
    }

    public static bool IsContext(ITypeSymbol? type)
    {
        for (ITypeSymbol? candidate = type; candidate is not null; candidate = candidate.BaseType)
        {
            if (candidate.ToDisplayString() is Context
                or "Microsoft.DurableTask.Entities.TaskOrchestrationEntityFeature")
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsOrchestrator(INamedTypeSymbol type)
    {
        for (INamedTypeSymbol? candidate = type.BaseType; candidate is not null; candidate = candidate.BaseType)
        {
            if (candidate is { Name: "TaskOrchestrator", Arity: 2 }
                && candidate.ContainingNamespace.ToDisplayString() == "Microsoft.DurableTask")
            {
                return true;
            }
        }

        return false;
    }
}
