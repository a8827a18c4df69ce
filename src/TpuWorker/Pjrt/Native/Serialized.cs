namespace Workflows.TpuWorker.Pjrt.Native;

/// <summary>Reads serialized bytes that a plugin returned with their owner and the function that destroys it.</summary>
internal static unsafe class Serialized
{
    /// <summary>Copies the bytes and destroys their owner, once.</summary>
    /// <param name="arguments">Arguments of a call that serialized something.</param>
    public static byte[] Take(ref ArgumentBlock arguments)
    {
        var (owner, deleter) = (arguments.Get<nint>(40), arguments.Get<nint>(48));
        try
        {
            return arguments.Array<byte>(24, 32);
        }
        finally
        {
            if (deleter != 0)
            {
                ((delegate* unmanaged[Cdecl]<nint, void>)deleter)(owner);
            }
        }
    }
}
