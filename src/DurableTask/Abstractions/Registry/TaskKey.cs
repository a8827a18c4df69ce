using System.Reflection;

namespace Microsoft.DurableTask;

/// <summary>What a task is registered under.</summary>
internal readonly record struct TaskKey(TaskName Name, TaskVersion Version)
{
    public static TaskKey Of(Type type)
    {
        var attribute = type.GetCustomAttribute<DurableTaskAttribute>();
        TaskName name = attribute is null || attribute.Name == default ? new TaskName(type.Name) : attribute.Name;
        return new TaskKey(name, new TaskVersion(attribute?.Version));
    }
}
