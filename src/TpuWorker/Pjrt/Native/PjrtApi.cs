using System.Runtime.CompilerServices;

namespace Workflows.TpuWorker.Pjrt.Native;

/// <summary>A plugin's table of functions, through which every call goes.</summary>
internal sealed unsafe class PjrtApi
{
    /// <summary>The oldest minor version with which the offsets and argument blocks were checked (June 2024).</summary>
    public const int OldestMinor = 54;

    /// <summary>Bytes of the table of API 0.54: up to and including <c>PJRT_ExecuteContext_Destroy</c>.</summary>
    public const int OldestTable = 840;

    private const int MajorOffset = 32, MinorOffset = 36, Subject = 16;

    private readonly byte* _table;
    private readonly nuint _size;

    /// <summary>Reads the head of a table and checks its version.</summary>
    /// <param name="table">Address of a <c>PJRT_Api</c> that stays valid for the life of the process.</param>
    /// <param name="origin">The plugin's path or name, for messages.</param>
    /// <exception cref="PjrtPluginException">The version is unknown or too old.</exception>
    public PjrtApi(nint table, string origin)
    {
        _table = (byte*)table;
        _size = *(nuint*)_table;
        if (_size < (nuint)PjrtFunction.ErrorDestroy)
        {
            throw new PjrtPluginException(
                origin, $"its table of functions has {_size} bytes: GetPjrtApi returns no PJRT_Api");
        }

        (Major, Minor) = (*(int*)(_table + MajorOffset), *(int*)(_table + MinorOffset));
        if (Major != 0)
        {
            throw new PjrtPluginException(
                origin, $"it has PJRT API {Major}.{Minor}, wanted 0.{OldestMinor} or later of major version 0");
        }

        if (Minor < OldestMinor || _size < OldestTable)
        {
            throw new PjrtPluginException(
                origin,
                $"it has PJRT API 0.{Minor} with a table of {_size} bytes, wanted 0.{OldestMinor} or later with "
                + $"{OldestTable} at least: it is too old, take a newer plugin");
        }
    }

    /// <summary>Gets the major version of the plugin's API.</summary>
    public int Major { get; }

    /// <summary>Gets the minor version of the plugin's API.</summary>
    public int Minor { get; }

    /// <summary>Returns whether the table has a function.</summary>
    public bool Has(PjrtFunction function) =>
        (nuint)function + (nuint)sizeof(nint) <= _size && *(nint*)(_table + (int)function) != 0;

    /// <summary>Calls a function.</summary>
    /// <param name="function">The function.</param>
    /// <param name="arguments">Its arguments; the fields that it fills can be read afterwards.</param>
    /// <exception cref="PjrtException">The function refused, or the plugin does not have it.</exception>
    public void Call(PjrtFunction function, ref ArgumentBlock arguments)
    {
        if (!Has(function))
        {
            throw new PjrtException(
                PjrtErrorCode.Unimplemented, function.ToString(), $"the plugin (PJRT API 0.{Minor}) does not have it");
        }

        nint error;
        fixed (ArgumentBlock* block = &arguments)
        {
            error = ((delegate* unmanaged[Cdecl]<void*, nint>)Address(function))(block);
        }

        if (error != 0)
        {
            throw TakeError(function.ToString(), error);
        }
    }

    /// <summary>Calls a function that the plugin may not have.</summary>
    /// <returns>false if it answered "unimplemented" or does not exist.</returns>
    /// <exception cref="PjrtException">The function refused for another reason.</exception>
    public bool TryCall(PjrtFunction function, ref ArgumentBlock arguments)
    {
        try
        {
            Call(function, ref arguments);
            return true;
        }
        catch (PjrtException exception) when (exception.Code == PjrtErrorCode.Unimplemented)
        {
            return false;
        }
    }

    /// <summary>Destroys an object by its address; an error is ignored, since no caller could handle it.</summary>
    public void Destroy(PjrtFunction function, nint address)
    {
        var arguments = ArgumentBlock.Create();
        arguments.Set(Subject, address);
        var error = ((delegate* unmanaged[Cdecl]<void*, nint>)Address(function))(Unsafe.AsPointer(ref arguments));
        if (error != 0)
        {
            DestroyError(error);
        }
    }

    /// <summary>Turns an error of the plugin into an exception, and destroys it.</summary>
    /// <param name="operation">The call that failed.</param>
    /// <param name="error">Address of the error.</param>
    public PjrtException TakeError(string operation, nint error)
    {
        var message = ArgumentBlock.Create();
        message.Set(Subject, error);
        ((delegate* unmanaged[Cdecl]<void*, void>)Address(PjrtFunction.ErrorMessage))(Unsafe.AsPointer(ref message));
        var text = message.Text(24, 32);

        var code = ArgumentBlock.Create();
        code.Set(Subject, error);
        var failed = ((delegate* unmanaged[Cdecl]<void*, nint>)Address(PjrtFunction.ErrorGetCode))(
            Unsafe.AsPointer(ref code));
        if (failed != 0)
        {
            DestroyError(failed);
            code.Set(24, PjrtErrorCode.Unknown);
        }

        DestroyError(error);
        return new PjrtException(code.Get<PjrtErrorCode>(24), operation, text);
    }

    private void DestroyError(nint error)
    {
        var arguments = ArgumentBlock.Create();
        arguments.Set(Subject, error);
        ((delegate* unmanaged[Cdecl]<void*, void>)Address(PjrtFunction.ErrorDestroy))(Unsafe.AsPointer(ref arguments));
    }

    private nint Address(PjrtFunction function) => *(nint*)(_table + (int)function);
}
