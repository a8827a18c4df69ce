using Microsoft.CodeAnalysis;

namespace Microsoft.DurableTask.Generators.Tasks;

/// <summary>A class with [DurableTask] or a type with [DurableEvent]: text and values only, so that the compiler can
/// tell whether anything changed.</summary>
internal sealed class Declaration(
    TaskKind kind, string type, string @namespace, string relativeName, string name, string version,
    string input, string output, bool isPublic, Location? location) : IEquatable<Declaration>
{
    public TaskKind Kind { get; } = kind;

    /// <summary>The class, with <c>global::</c>.</summary>
    public string Type { get; } = type;

    /// <summary>Empty for the global namespace.</summary>
    public string Namespace { get; } = @namespace;

    /// <summary>The class's name with those of the classes around it, as one identifier.</summary>
    public string RelativeName { get; } = relativeName;

    public string Name { get; } = name;

    /// <summary>Empty for none.</summary>
    public string Version { get; } = version;

    public string Input { get; } = input;

    public string Output { get; } = output;

    /// <summary>Whether generated methods can be public: class and types are.</summary>
    public bool IsPublic { get; } = isPublic;

    /// <summary>For diagnostics; no part of the value.</summary>
    public Location? Location { get; } = location;

    public bool Equals(Declaration? other) => other is not null && Key == other.Key;

    public override bool Equals(object? obj) => Equals(obj as Declaration);

    public override int GetHashCode() => Key.GetHashCode();

    private (TaskKind, string, string, string, string, string, bool) Key =>
        (Kind, Type, Name, Version, Input, Output, IsPublic);
}
