// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a partition's firmware does while its kernel runs. The kernel polls a thermal zone once a second; that is all
// the life there is here: it counts a heartbeat and hands commands of the control page on as ACPI notifications.
#include "parker_control.h"
#include "marker.h"

DefinitionBlock ("", "DSDT", 2, "PARKER", "PARTITN ", 1)
{
    // The daemon puts the control page's address in this constant's place.
    Name (CTLA, PARKER_AML_CONTROL_MARKER)

    OperationRegion (CTLP, SystemMemory, CTLA, 0x1000)
    Field (CTLP, DWordAcc, NoLock, Preserve)
    {
        Offset (PARKER_CTL_COMMAND),
        CMND, 32,
        ARGU, 32,
    }
    Field (CTLP, QWordAcc, NoLock, Preserve)
    {
        Offset (PARKER_CTL_HEARTBEAT),
        BEAT, 64,
    }

    Scope (\_SB)
    {
        Device (PWRB)
        {
            Name (_HID, EisaId ("PNP0C0C"))
        }

        // PARKER_CTL_BUS_MAX of them.
#define BRIDGE PC00
#define INDEX 0
#include "bridge.asl"
#define BRIDGE PC01
#define INDEX 1
#include "bridge.asl"
#define BRIDGE PC02
#define INDEX 2
#include "bridge.asl"
#define BRIDGE PC03
#define INDEX 3
#include "bridge.asl"
#define BRIDGE PC04
#define INDEX 4
#include "bridge.asl"
#define BRIDGE PC05
#define INDEX 5
#include "bridge.asl"
#define BRIDGE PC06
#define INDEX 6
#include "bridge.asl"
#define BRIDGE PC07
#define INDEX 7
#include "bridge.asl"
#define BRIDGE PC08
#define INDEX 8
#include "bridge.asl"
#define BRIDGE PC09
#define INDEX 9
#include "bridge.asl"
#define BRIDGE PC0A
#define INDEX 10
#include "bridge.asl"
#define BRIDGE PC0B
#define INDEX 11
#include "bridge.asl"
#define BRIDGE PC0C
#define INDEX 12
#include "bridge.asl"
#define BRIDGE PC0D
#define INDEX 13
#include "bridge.asl"
#define BRIDGE PC0E
#define INDEX 14
#include "bridge.asl"
#define BRIDGE PC0F
#define INDEX 15
#include "bridge.asl"
    }

    ThermalZone (\LIFE)
    {
        Name (_TZP, 10) // polled every 10 tenths of a second
        Name (_CRT, 4000)

        Method (_TMP, 0, Serialized)
        {
            BEAT = BEAT + 1
            Local0 = CMND
            If (Local0 != PARKER_COMMAND_NONE)
            {
                If (Local0 == PARKER_COMMAND_POWER_BUTTON)
                {
                    Notify (\_SB.PWRB, 0x80)
                }
                CMND = PARKER_COMMAND_NONE // says: done
            }
            Return (3000) // 27 degrees Celsius, in tenths of a kelvin
        }
    }
}
