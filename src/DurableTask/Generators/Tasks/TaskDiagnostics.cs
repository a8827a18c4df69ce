using Microsoft.CodeAnalysis;

namespace Microsoft.DurableTask.Generators.Tasks;

/// <summary>What the generator reports about attributes. The ids are those of the official generator.</summary>
internal static class TaskDiagnostics
{
    public static readonly DiagnosticDescriptor TaskName = Rule(
        "DURABLE3001",
        "The name of a task is no identifier",
        "'{0}' cannot be the name of a [DurableTask]: methods are named after it, so it must start with a letter or "
        + "underscore and go on with letters, digits and underscores");

    public static readonly DiagnosticDescriptor EventName = Rule(
        "DURABLE3002",
        "The name of an event is no identifier",
        "'{0}' cannot be the name of a [DurableEvent]: methods are named after it, so it must start with a letter or "
        + "underscore and go on with letters, digits and underscores");

    public static readonly DiagnosticDescriptor Duplicate = Rule(
        "DURABLE3003",
        "Two tasks have one name and version",
        "'{0}' with {1} is declared more than once; give one of the classes another name or version");

    public static readonly DiagnosticDescriptor BlankVersion = Rule(
        "DURABLE3005",
        "The version of a task is blank",
        "The version of [DurableTask] on '{0}' is blank; write a version or leave the argument out");

    private static DiagnosticDescriptor Rule(string id, string title, string message) =>
        new(id, title, message, "DurableTask.Design", DiagnosticSeverity.Error, isEnabledByDefault: true);
}
