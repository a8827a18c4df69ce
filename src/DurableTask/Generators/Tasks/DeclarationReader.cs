using Microsoft.CodeAnalysis;

namespace Microsoft.DurableTask.Generators.Tasks;

/// <summary>Reads declarations from symbols.</summary>
internal static class DeclarationReader
{
    private static readonly SymbolDisplayFormat Format = SymbolDisplayFormat.FullyQualifiedFormat
        .AddMiscellaneousOptions(SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier);

    public static Declaration? ReadTask(GeneratorAttributeSyntaxContext context)
    {
        if (context.TargetSymbol is not INamedTypeSymbol { IsAbstract: false, IsGenericType: false } type
            || !IsReachable(type)
            || FindBase(type) is not { } found)
        {
            return null;
        }

        AttributeData attribute = context.Attributes[0];
        string? name = attribute.ConstructorArguments.Length > 0
            ? attribute.ConstructorArguments[0].Value as string
            : null;
        string version = attribute.NamedArguments.FirstOrDefault(one => one.Key == "Version").Value.Value as string
            ?? string.Empty;
        bool isEntity = found.Kind == TaskKind.Entity;
        return Create(
            found.Kind, type, name, version,
            isEntity ? string.Empty : found.Base.TypeArguments[0].ToDisplayString(Format),
            isEntity ? string.Empty : found.Base.TypeArguments[1].ToDisplayString(Format),
            IsPublic(type) && found.Base.TypeArguments.All(IsPublic));
    }

    public static Declaration? ReadEvent(GeneratorAttributeSyntaxContext context)
    {
        if (context.TargetSymbol is not INamedTypeSymbol { IsGenericType: false } type || !IsReachable(type))
        {
            return null;
        }

        AttributeData attribute = context.Attributes[0];
        string? name = attribute.ConstructorArguments.Length > 0
            ? attribute.ConstructorArguments[0].Value as string
            : null;
        return Create(
            TaskKind.Event, type, name, string.Empty, string.Empty, type.ToDisplayString(Format), IsPublic(type));
    }

    private static Declaration Create(
        TaskKind kind, INamedTypeSymbol type, string? name, string version, string input, string output, bool isPublic)
    {
        string @namespace = type.ContainingNamespace.IsGlobalNamespace
            ? string.Empty
            : type.ContainingNamespace.ToDisplayString();
        string relative = type.Name;
        for (INamedTypeSymbol? outer = type.ContainingType; outer is not null; outer = outer.ContainingType)
        {
            relative = $"{outer.Name}_{relative}";
        }

        return new Declaration(
            kind,
            type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat),
            @namespace,
            relative,
            string.IsNullOrEmpty(name) ? type.Name : name!,
            version,
            input,
            output,
            isPublic,
            type.Locations.FirstOrDefault());
    }

    private static (TaskKind Kind, INamedTypeSymbol Base)? FindBase(INamedTypeSymbol type)
    {
        for (INamedTypeSymbol? candidate = type.BaseType; candidate is not null; candidate = candidate.BaseType)
        {
            string name = candidate.OriginalDefinition.ToDisplayString(SymbolDisplayFormat.CSharpErrorMessageFormat);
            TaskKind? kind = name switch
            {
                "Microsoft.DurableTask.TaskOrchestrator<TInput, TOutput>" => TaskKind.Orchestrator,
                "Microsoft.DurableTask.TaskActivity<TInput, TOutput>" => TaskKind.Activity,
                "Microsoft.DurableTask.Entities.TaskEntity<TState>" => TaskKind.Entity,
                _ => null,
            };
            if (kind is { } found)
            {
                return (found, candidate);
            }
        }

        return null;
    }

    // Generated code lies outside all classes and files.
    private static bool IsReachable(INamedTypeSymbol? type) => type is null
        || (!type.IsFileLocal
            && (type.DeclaredAccessibility is Accessibility.Public or Accessibility.Internal
                or Accessibility.ProtectedOrInternal)
            && IsReachable(type.ContainingType));

    private static bool IsPublic(ITypeSymbol type) => type switch
    {
        IArrayTypeSymbol array => IsPublic(array.ElementType),
        INamedTypeSymbol named => named.DeclaredAccessibility == Accessibility.Public
            && (named.ContainingType is null || IsPublic(named.ContainingType))
            && named.TypeArguments.All(IsPublic),
        _ => true,
    };
}
