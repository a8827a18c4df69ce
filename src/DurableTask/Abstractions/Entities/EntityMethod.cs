using System.Reflection;
using System.Runtime.ExceptionServices;

namespace Microsoft.DurableTask.Entities;

/// <summary>A method that is an entity's operation.</summary>
internal readonly record struct EntityMethod(MethodInfo Method)
{
    /// <summary>The public method of the operation's name; null when there is none.</summary>
    /// <exception cref="AmbiguousMatchException">Several methods have the name.</exception>
    public static EntityMethod? Find(Type type, TaskEntityOperation operation) =>
        type.GetMethod(
            operation.Name, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase) is { } method
            ? new EntityMethod(method)
            : null;

    public async ValueTask<object?> InvokeAsync(object target, TaskEntityOperation operation)
    {
        object? returned;
        try
        {
            returned = Method.Invoke(target, Arguments(operation));
        }
        catch (TargetInvocationException wrapper) when (wrapper.InnerException is { } error)
        {
            ExceptionDispatchInfo.Throw(error);
            throw;
        }

        return await UnwrapAsync(returned, Method.ReturnType);
    }

    private object?[] Arguments(TaskEntityOperation operation)
    {
        ParameterInfo[] parameters = Method.GetParameters();
        var arguments = new object?[parameters.Length];
        ParameterInfo? context = null;
        ParameterInfo? input = null;
        for (int index = 0; index < parameters.Length; index++)
        {
            ParameterInfo parameter = parameters[index];
            if (parameter.ParameterType == typeof(TaskEntityContext))
            {
                CheckSingle(context, parameter, "context", operation);
                context = parameter;
                arguments[index] = operation.Context;
            }
            else
            {
                CheckSingle(input, parameter, "input", operation);
                input = parameter;
                arguments[index] = Input(operation, parameter);
            }
        }

        return arguments;
    }

    private object? Input(TaskEntityOperation operation, ParameterInfo parameter) =>
        operation.HasInput ? operation.GetInput(parameter.ParameterType)
        : parameter.HasDefaultValue ? parameter.DefaultValue
        : throw new InvalidOperationException(
            $"Entity operation '{operation}' came without input, which parameter '{parameter.Name}' of "
            + $"'{Method.DeclaringType}.{Method.Name}' needs. Give the parameter a default value or pass an input.");

    private void CheckSingle(
        ParameterInfo? first, ParameterInfo second, string what, TaskEntityOperation operation)
    {
        if (first is not null)
        {
            throw new InvalidOperationException(
                $"Entity operation '{operation}' has one {what}, but '{Method.DeclaringType}.{Method.Name}' takes it "
                + $"twice, as '{first.Name}' and '{second.Name}'. Remove one parameter.");
        }
    }

    private static async ValueTask<object?> UnwrapAsync(object? returned, Type declared)
    {
        switch (returned)
        {
            case Task task:
                await task;
                return declared.IsGenericType && declared.GetGenericTypeDefinition() == typeof(Task<>)
                    ? declared.GetProperty(nameof(Task<object>.Result))!.GetValue(task)
                    : null;
            case ValueTask task:
                await task;
                return null;
            case not null when declared.IsGenericType && declared.GetGenericTypeDefinition() == typeof(ValueTask<>):
                var inner = (Task)declared.GetMethod(nameof(ValueTask<object>.AsTask))!.Invoke(returned, null)!;
                return await UnwrapAsync(inner, typeof(Task<>).MakeGenericType(declared.GetGenericArguments()));
            default:
                return returned;
        }
    }
}
